//! Upstreams that lie about digest or length.

use berth_testkit::hub::{Fault, Hub, HubSettings, On, RequestKind};
use berth_testkit::image::{Content, Image, random_bytes};
use reqwest::header::{HeaderName, HeaderValue};

use super::assert_no_trace;
use crate::support::http::Client;
use crate::support::server::Server;

const OTHER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A server with the proxy project `cache` of an upstream.
async fn caching(hub: &Hub) -> (Server, Client) {
    let server = Server::start().await;
    let client = server.admin();
    let registry = client.create_registry("hub", &hub.url(), None).await;
    client.create_proxy_project("cache", registry, true).await;
    (server, client)
}

#[tokio::test]
async fn a_blob_that_is_not_its_digest_or_length_never_arrives_whole() {
    let bytes = random_bytes(300_000);
    for fault in [
        Fault::WrongBytes,
        Fault::ContentLength(299_999),
        Fault::ContentLength(300_001),
        Fault::ContentLength(1),
    ] {
        let hub = Hub::start_with(HubSettings::open()).await;
        let digest = hub.push_blob("a/b", bytes.clone());
        hub.fault(On::every(RequestKind::BlobGet), fault.clone());
        let (server, client) = caching(&hub).await;
        let path = format!("/v2/cache/a/b/blobs/{digest}");
        if let Ok(answer) = client.get(&path).try_send().await {
            assert!(answer.status >= 500, "{fault:?}: {}", answer.status);
        }
        assert_no_trace(&server).await;
        hub.clear_faults();
        assert_eq!(client.get(&path).send().await.expect(200).body, bytes);
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_its_digest_is_not_passed_on() {
    let image = Image::random(10);
    let digest = HeaderName::from_static("docker-content-digest");
    let other = Fault::header(digest, HeaderValue::from_static(OTHER));
    let by_digest = image.digest().to_string();
    for (fault, reference) in [
        (Fault::WrongBytes, by_digest.as_str()),
        (Fault::CutAfter(10), &by_digest),
        (Fault::ContentLength(10), &by_digest),
        (other, "latest"),
    ] {
        let hub = Hub::start_with(HubSettings::open()).await;
        hub.push_image("a/b", "latest", &image);
        hub.fault(On::every(RequestKind::ManifestGet), fault.clone());
        let (server, client) = caching(&hub).await;
        let path = format!("/v2/cache/a/b/manifests/{reference}");
        let answer = client.get(&path).send().await;
        assert!(answer.status >= 500, "{fault:?}: {}", answer.status);
        assert_no_trace(&server).await;
    }
}

#[tokio::test]
async fn what_is_no_manifest_is_not_passed_on_as_one() {
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    for body in ["", "<html>", "[]", "{\"schemaVersion\":2,\"config\":7}"] {
        let hub = Hub::start_with(HubSettings::open()).await;
        let content = Content::new(media_type, body);
        hub.push_manifest("a/b", &content);
        hub.tag("a/b", "latest", content.digest);
        let (server, client) = caching(&hub).await;
        for reference in ["latest", &content.digest.to_string()] {
            let path = format!("/v2/cache/a/b/manifests/{reference}");
            let answer = client.get(&path).send().await;
            assert!(answer.status >= 500, "{body}: {}", answer.status);
        }
        assert_no_trace(&server).await;
    }
}
