//! Blobs that clients fetch from the store itself, redirected there by the
//! registry, which is another host: what comes is right, and nobody shows the
//! store what they log in to the registry with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::Digest;
use berth_testkit::image::{Content, Image};
use serde_json::{Value, json};

use super::{DEVELOPER, MEMBER};
use crate::support::clients::{
    Buildah, Containerd, Crane, Docker, ImageClient, Oras, Podman, Regctl, Skopeo,
};
use crate::support::helm::Helm;
use crate::support::http::Client;
use crate::support::layout::Layout;
use crate::support::relay::Relay;
use crate::support::server::{Server, assert_sound};
use crate::support::{programs, store};

/// The host of the store, as clients know it. The registry is on 127.0.0.1.
const STORE: &str = "127.0.0.2";

/// A registry that redirects to a relay before its store, with the private
/// project `team` and its developer.
struct Redirecting {
    server: Server,
    member: Client,
    relay: Relay,
}

impl Redirecting {
    /// `None` where blobs are files.
    async fn start() -> Option<Self> {
        Self::to(STORE).await
    }

    /// The same with a store on this host.
    async fn to(host: &str) -> Option<Self> {
        if !store::is_aws() {
            programs::skip("redirects", "run `cargo xtask aws test`");
            return None;
        }
        let relay = Relay::start(host).await;
        let server = Server::builder()
            .args(["--redirect=true".to_owned()])
            .args([format!("--s3-public-endpoint={}", relay.url())])
            .start()
            .await;
        let admin = server.admin();
        admin.create_project("team", false).await;
        let member = admin.create_user(MEMBER.user, MEMBER.password).await;
        admin.add_member("team", MEMBER.user, DEVELOPER).await;
        Some(Self {
            server,
            member,
            relay,
        })
    }

    /// Asserts that so many blobs at least were fetched from the store, by
    /// requests that its address alone allows.
    fn assert_fetched(&self, blobs: usize) {
        let requests = self.relay.requests();
        assert!(requests.len() >= blobs, "{requests:#?}");
        let secrets = [MEMBER.password.to_lowercase(), {
            let basic = format!("{}:{}", MEMBER.user, MEMBER.password);
            STANDARD.encode(basic).to_lowercase()
        }];
        for request in requests {
            assert!(request.starts_with("get /e2e-"), "{request}");
            assert!(request.contains("x-amz-signature="), "{request}");
            for header in ["authorization", "proxy-authorization", "cookie"] {
                assert!(!request.contains(&format!("\n{header}:")), "{request}");
            }
            let shown = secrets.iter().any(|secret| request.contains(secret));
            assert!(!shown && !request.contains("bearer"), "{request}");
        }
    }
}

/// A private image is pulled by its member.
async fn pulls_from_the_store<C: ImageClient>() {
    pulls_from::<C>(STORE).await;
}

async fn pulls_from<C: ImageClient>(host: &str) {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let Some(registry) = Redirecting::to(host).await else {
        return;
    };
    let Some(mut client) = C::start().await else {
        return;
    };
    let Redirecting { server, member, .. } = &registry;
    image.push("multi", member, "team/debian", "multi").await;
    let address = server.address().to_string();
    client.log_in(&address, MEMBER).await.succeeded();
    let pulled = client.pull(&format!("{address}/team/debian:multi")).await;
    assert_eq!(pulled, image.tagged("deb").config());
    // The config and a layer.
    registry.assert_fetched(2);
    assert_sound(server.data());
}

#[tokio::test]
async fn docker_pulls_from_the_store() {
    pulls_from_the_store::<Docker>().await;
}

#[tokio::test]
async fn containerd_pulls_from_the_store() {
    pulls_from_the_store::<Containerd>().await;
}

#[tokio::test]
async fn podman_pulls_from_the_store() {
    pulls_from_the_store::<Podman>().await;
}

#[tokio::test]
async fn buildah_pulls_from_the_store() {
    pulls_from_the_store::<Buildah>().await;
}

#[tokio::test]
async fn skopeo_pulls_from_the_store() {
    pulls_from_the_store::<Skopeo>().await;
}

#[tokio::test]
async fn crane_pulls_from_the_store() {
    // It follows nobody to a private address, but to a name of one.
    pulls_from::<Crane>("localhost").await;
}

#[tokio::test]
async fn regctl_pulls_from_the_store() {
    pulls_from_the_store::<Regctl>().await;
}

#[tokio::test]
async fn oras_pulls_from_the_store() {
    pulls_from_the_store::<Oras>().await;
}

#[tokio::test]
async fn helm_pulls_a_chart_from_the_store() {
    let Some(registry) = Redirecting::start().await else {
        return;
    };
    let Some(helm) = Helm::start().await else {
        return;
    };
    let address = registry.server.address().to_string();
    helm.log_in(&address, MEMBER).await.succeeded();
    let charts = format!("{address}/team/charts");
    helm.push(&charts).await;
    helm.pull(&charts).await;
    registry.assert_fetched(1);
}

#[tokio::test]
async fn a_blob_and_ranges_of_it_are_read_from_the_store() {
    let Some(registry) = Redirecting::start().await else {
        return;
    };
    let image = Image::random(100_000);
    registry.member.push_image("team/one", "1", &image).await;
    let layer = &image.layers[0];
    let path = format!("/v2/team/one/blobs/{}", layer.digest);
    // Who follows it is nobody that the registry knows.
    let stranger = registry.server.anonymous();
    let answer = registry.member.get(&path).send().await.expect(307);
    let location = answer.location();
    assert!(location.starts_with(registry.relay.url()), "{location}");
    let whole = stranger.get(&location).send().await.expect(200);
    assert_eq!(Digest::sha256(&whole.body), layer.digest);

    let (name, range) = ("range", "bytes=1000-1999");
    let answer = registry.member.get(&path).header(name, range).send().await;
    let answer = answer.expect(307);
    // It has no part of the blob.
    assert!(!answer.headers.contains_key("content-range"));
    let location = answer.location();
    let part = stranger.get(&location).header(name, range).send().await;
    assert_eq!(part.expect(206).body, layer.bytes[1000..2000]);

    stranger
        .get(&path)
        .send()
        .await
        .refused(401, "UNAUTHORIZED");
    registry.assert_fetched(2);
}

#[tokio::test]
async fn what_is_in_the_metadata_is_not_read_from_the_store() {
    let Some(registry) = Redirecting::start().await else {
        return;
    };
    let member = &registry.member;
    let small = Image::random(1_000);
    member.push_image("team/one", "small", &small).await;
    // Kept in the bucket, beside the metadata.
    let mut manifest = serde_json::from_slice::<Value>(&small.manifest.bytes).unwrap();
    manifest["annotations"] = json!({ "padding": "p".repeat(20_000) });
    let large = Content::new(&small.manifest.media_type, manifest.to_string());
    let pushed = member.push_manifest("team/one", "large", &large).await;
    pushed.expect(201);

    for (tag, manifest) in [("small", &small.manifest), ("large", &large)] {
        for reference in [tag.to_owned(), manifest.digest.to_string()] {
            let path = format!("/v2/team/one/manifests/{reference}");
            let answer = member.get(&path).send().await.expect(200);
            assert_eq!(answer.body, manifest.bytes);
            member.head(&path).send().await.expect(200);
        }
    }
    let layer = &small.layers[0];
    let path = format!("/v2/team/one/blobs/{}", layer.digest);
    let answer = member.head(&path).send().await.expect(200);
    assert_eq!(
        answer.header("content-length"),
        layer.bytes.len().to_string()
    );
    member
        .get(&path)
        .header("range", "bytes=9999999-")
        .send()
        .await
        .expect(416);
    assert_eq!(registry.relay.requests(), [""; 0]);
}

#[tokio::test]
async fn who_would_show_the_store_its_login_is_not_sent_there() {
    if !store::is_aws() {
        return;
    }
    // The store is at another port of the registry's own host.
    let server = Server::builder().args(["--redirect=true"]).start().await;
    let admin = server.admin();
    let layer = admin.push_blob("library/one", "layer").await;
    let path = format!("/v2/library/one/blobs/{layer}");
    let answer = admin.get(&path).send().await.expect(200);
    assert_eq!(answer.body, "layer");
}
