//! Blobs, whole and from an offset.

use berth_oci::Digest;
use berth_testkit::hub::{Fault, HubSettings, On, RequestKind};
use berth_testkit::image::seeded_bytes;
use http::header::{CONTENT_RANGE, HeaderValue};

use super::*;

const SIZE: u64 = 300_000;

async fn hub_with_blob(settings: HubSettings) -> (Hub, Digest) {
    let hub = Hub::start_with(settings).await;
    let digest = hub.push_seeded_blob("a", 7, SIZE);
    (hub, digest)
}

#[tokio::test]
async fn a_blob_goes_on_from_an_offset() {
    let (hub, digest) = hub_with_blob(HubSettings::docker_hub()).await;
    let blob = upstream()
        .get_blob(&anonymous(&hub), "a", digest, 100_000)
        .await
        .unwrap();
    assert_eq!((blob.start, blob.size), (100_000, Some(SIZE)));
    assert_eq!(read(blob).await.unwrap(), seeded_bytes(7, 100_000..SIZE));
    assert_eq!(
        hub.requests_of(RequestKind::CdnGet)[0].header("range"),
        Some("bytes=100000-")
    );
}

#[tokio::test]
async fn an_upstream_without_ranges_begins_at_zero() {
    let settings = HubSettings {
        serves_ranges: false,
        ..HubSettings::docker_hub()
    };
    let (hub, digest) = hub_with_blob(settings).await;
    let blob = upstream()
        .get_blob(&anonymous(&hub), "a", digest, 100_000)
        .await
        .unwrap();
    assert_eq!((blob.start, blob.size), (0, Some(SIZE)));
    assert_eq!(read(blob).await.unwrap(), seeded_bytes(7, 0..SIZE));
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_nonsense() {
    let (hub, digest) = hub_with_blob(HubSettings::open()).await;
    let ranges = [
        Some("bytes 99999-299999/300000"),
        Some("bytes */300000"),
        Some("300000"),
        None,
    ];
    for range in ranges {
        hub.clear_faults();
        let range = range.map(HeaderValue::from_static);
        hub.fault(On::any(), Fault::Header(CONTENT_RANGE, range.clone()));
        let error = error_of(
            upstream()
                .get_blob(&anonymous(&hub), "a", digest, 100_000)
                .await,
        );
        assert!(
            matches!(error, UpstreamError::Invalid(_)),
            "{range:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_blob_that_breaks_off_ends_with_an_error() {
    let (hub, digest) = hub_with_blob(HubSettings::open()).await;
    hub.fault(On::any(), Fault::CutAfter(150_000));
    let blob = upstream()
        .get_blob(&anonymous(&hub), "a", digest, 0)
        .await
        .unwrap();
    let mut stream = blob.stream;
    let mut received = 0;
    let error = loop {
        match stream.next().await.expect("an error before the end") {
            Ok(chunk) => received += chunk.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(received, 150_000);
    assert!(matches!(error, UpstreamError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_blobs_size_is_known_without_its_bytes() {
    for settings in [HubSettings::docker_hub(), HubSettings::open()] {
        let (hub, digest) = hub_with_blob(settings).await;
        let size = upstream().head_blob(&anonymous(&hub), "a", digest).await;
        assert_eq!(size.unwrap(), Some(SIZE));
        assert_eq!(hub.bytes_sent(&digest), 0);
    }
}
