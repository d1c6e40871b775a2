//! The registry behind the proxy projects.

use std::sync::Arc;

use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::{Format, Image, Index, Layer};
use berth_upstream::HttpUpstream;

/// A registry that listens, with the one client that all processes share.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) hub: Arc<Hub>,
    pub(crate) client: Arc<HttpUpstream>,
}

/// Several pieces, so that there is a middle to break off in.
pub(crate) fn image(text: &str) -> Image {
    let bytes = text.as_bytes().repeat(200_000 / text.len());
    Image::builder()
        .with_layer(Layer::of_file("large", &scrambled(&bytes)))
        .with_layer(Layer::of_file("small", text.as_bytes()))
        .build()
}

/// Bytes that do not compress well, the same for the same text.
fn scrambled(bytes: &[u8]) -> Vec<u8> {
    let mut state: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    let mut next = |byte: &u8| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        byte ^ state.to_be_bytes()[0]
    };
    bytes.iter().map(&mut next).collect()
}

pub(crate) fn index(texts: &[&str]) -> Index {
    let images = texts.iter().map(|text| image(text)).collect();
    Index::of(Format::Oci, images)
}

impl Upstream {
    /// With `library/cold` and `library/warm`.
    pub(crate) async fn start() -> Self {
        let hub = Hub::start_with(HubSettings::open()).await;
        for name in ["cold", "warm"] {
            hub.push_image(&format!("library/{name}"), "latest", &image(name));
        }
        Self {
            hub: Arc::new(hub),
            client: Arc::new(HttpUpstream::new().unwrap()),
        }
    }
}
