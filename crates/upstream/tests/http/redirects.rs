//! Where an upstream may send us.

use berth_oci::Digest;
use berth_testkit::hub::{Fault, Host, HubSettings, On, RequestKind};
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, LOCATION};

use super::*;

fn to(location: &str) -> Fault {
    let location = (LOCATION, HeaderValue::try_from(location).unwrap());
    Fault::Answer {
        status: StatusCode::TEMPORARY_REDIRECT,
        headers: HeaderMap::from_iter([location]),
        body: String::new(),
    }
}

async fn sent_to(location: &str) -> UpstreamError {
    let hub = Hub::start_with(HubSettings::open()).await;
    let digest = hub.push_blob("a", "bytes");
    hub.fault(On::every(RequestKind::BlobGet), to(location));
    error_of(upstream().get_blob(&anonymous(&hub), "a", digest, 0).await)
}

#[tokio::test]
async fn blobs_come_from_the_cdn_without_credentials() {
    let hub = Hub::start().await;
    let digest = hub.push_blob("library/alpine", "some bytes");
    let blob = upstream()
        .get_blob(&anonymous(&hub), "library/alpine", digest, 0)
        .await
        .unwrap();
    assert_eq!(blob.size, Some(10));
    assert_eq!(read(blob).await.unwrap(), "some bytes");
    let cdn = hub.requests_of(RequestKind::CdnGet);
    assert_eq!(
        (cdn.len(), cdn[0].host, cdn[0].is_authorized()),
        (1, Host::Cdn, false)
    );
}

#[tokio::test]
async fn a_redirect_to_the_same_registry_keeps_the_credentials() {
    let hub = Hub::start_with(HubSettings::basic("ann", "right")).await;
    let digest = hub.push_blob("a", "bytes");
    let place = format!("/v2/a/blobs/{digest}");
    hub.fault(
        On::every(RequestKind::BlobGet).containing("/old/"),
        to(&place),
    );
    let remote = account(&hub, "ann", "right");
    let blob = upstream()
        .get_blob(&remote, "old/a", digest, 0)
        .await
        .unwrap();
    assert_eq!(read(blob).await.unwrap(), "bytes");
}

#[tokio::test]
async fn an_upstream_cannot_send_us_to_metadata_services() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "//169.254.169.254/",
        "ftp://127.0.0.1/",
    ] {
        let error = sent_to(location).await;
        assert!(
            matches!(error, UpstreamError::Refused(_)),
            "{location}: {error}"
        );
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let error = sent_to("?again").await;
    assert!(matches!(error, UpstreamError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_nonsense() {
    let error = sent_to("http://").await;
    assert!(matches!(error, UpstreamError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_blob_that_can_only_be_fetched_has_no_size() {
    let hub = Hub::start().await;
    let digest = hub.push_blob("a", "bytes");
    hub.fault(
        On::every(RequestKind::CdnHead),
        Fault::status(StatusCode::FORBIDDEN),
    );
    let size = upstream().head_blob(&anonymous(&hub), "a", digest).await;
    assert_eq!(size.unwrap(), None);
}

#[tokio::test]
async fn a_blob_that_is_forbidden_at_home_is_forbidden() {
    let hub = Hub::start().await;
    hub.fault(
        On::every(RequestKind::BlobHead),
        Fault::status(StatusCode::FORBIDDEN),
    );
    let size = upstream()
        .head_blob(&anonymous(&hub), "a", Digest::sha256(b""))
        .await;
    assert_eq!(status_of(size), 403);
}
