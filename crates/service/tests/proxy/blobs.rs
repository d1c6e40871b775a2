//! Blobs that are held, missed, shared or not there.

use berth_testkit::hub::{Fault, On, RequestKind};
use berth_testkit::image::seeded_bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, StatusCode};

use super::*;

#[tokio::test]
async fn a_missed_blob_is_fetched_and_then_held() {
    let cache = Cache::docker_hub().await;
    let digest = cache.hub.push_seeded_blob("a/b", 1, 300_000);
    assert_eq!(
        cache.read("hub/a/b", digest).await.unwrap(),
        seeded_bytes(1, 0..300_000)
    );
    assert!(cache.is_held("hub/a/b", digest).await);
    cache.hub.stop().await;
    assert_eq!(
        cache.read("hub/a/b", digest).await.unwrap(),
        seeded_bytes(1, 0..300_000)
    );
    let blob = cache.blob("hub/a/b", digest).await.unwrap();
    assert_eq!(read(&blob, 5..9).await.unwrap(), seeded_bytes(1, 5..9));
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let cache = Cache::docker_hub().await;
    let digest = cache.hub.push_blob("a/b", "");
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), "");
    assert!(cache.is_held("hub/a/b", digest).await);
}

#[tokio::test]
async fn the_size_of_a_missed_blob_is_asked_for_without_its_bytes() {
    let cache = Cache::docker_hub().await;
    let digest = cache.hub.push_seeded_blob("a/b", 1, 300_000);
    let target = cache.target("hub/a/b").await;
    assert_eq!(
        cache
            .service
            .blob_size(&target, digest, false)
            .await
            .unwrap(),
        300_000
    );
    assert_eq!(cache.hub.bytes_sent(&digest), 0);
    assert!(!cache.is_held("hub/a/b", digest).await);
}

#[tokio::test]
async fn where_nothing_is_held_the_upstreams_own_error_is_the_answer() {
    let cache = Cache::open().await;
    let digest = cache.hub.push_blob("a/b", "bytes");
    for status in [401, 403, 404, 429, 503] {
        cache.hub.clear_faults();
        cache.hub.fault(
            On::any(),
            Fault::status(StatusCode::from_u16(status).unwrap()),
        );
        let name = format!("hub/a/b{status}");
        assert_eq!(upstream_status(cache.read(&name, digest).await), status);
        let target = cache.target(&name).await;
        let size = cache.service.blob_size(&target, digest, false).await;
        assert_eq!(upstream_status(size), status);
        cache.assert_no_trace(&name).await;
    }
}

#[tokio::test]
async fn a_404_is_remembered_briefly() {
    let cache = Cache::open().await;
    let digest = Digest::sha256(b"bytes");
    assert_eq!(upstream_status(cache.read("hub/a/b", digest).await), 404);
    cache.hub.clear_requests();
    assert_eq!(upstream_status(cache.read("hub/a/b", digest).await), 404);
    assert_eq!(cache.hub.log(), [""; 0]);
    cache.hub.push_blob("a/b", "bytes");
    cache.clock.advance(Duration::from_secs(10));
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), "bytes");
}

#[tokio::test]
async fn a_404_of_a_manifest_says_nothing_of_a_blob() {
    let cache = Cache::open().await;
    let digest = cache.hub.push_blob("a/b", "bytes");
    let manifest = cache.get("hub/a/b", &digest.to_string()).await;
    assert_eq!(upstream_status(manifest), 404);
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), "bytes");
}

#[tokio::test]
async fn what_another_project_holds_is_not_fetched_again() {
    let cache = Cache::docker_hub().await;
    let digest = cache.hub.push_seeded_blob("a/b", 1, 300_000);
    cache.hub.push_seeded_blob("c/d", 1, 300_000);
    cache.read("hub/a/b", digest).await.unwrap();
    cache.hub.clear_requests();
    assert_eq!(
        cache.read("other/c/d", digest).await.unwrap(),
        seeded_bytes(1, 0..300_000)
    );
    assert_eq!(cache.hub.bytes_sent(&digest), 0);
    assert_eq!(
        cache.hub.count(RequestKind::BlobHead),
        2,
        "{:#?}",
        cache.hub.log()
    );
}

#[tokio::test]
async fn what_another_project_holds_is_not_served_unless_the_upstream_has_it() {
    let cache = Cache::open().await;
    let digest = cache.hub.push_blob("a/b", "private bytes");
    cache.hub.push_blob("c/d", "other bytes");
    cache.read("hub/a/b", digest).await.unwrap();
    assert_eq!(upstream_status(cache.read("other/c/d", digest).await), 404);
    assert!(!cache.is_held("other/c/d", digest).await);
}

#[tokio::test]
async fn what_another_project_holds_is_fetched_unless_the_upstream_says_its_size() {
    for fault in [
        Fault::status(StatusCode::FORBIDDEN),
        Fault::without_header(CONTENT_LENGTH),
        Fault::header(CONTENT_LENGTH, HeaderValue::from_static("4")),
    ] {
        let cache = Cache::docker_hub().await;
        let digest = cache.hub.push_blob("a/b", "bytes");
        cache.hub.push_blob("c/d", "bytes");
        cache.read("hub/a/b", digest).await.unwrap();
        cache
            .hub
            .fault(On::every(RequestKind::CdnHead), fault.clone());
        let read = cache.read("other/c/d", digest).await;
        assert_eq!(read.unwrap(), "bytes", "{fault:?}");
        assert_eq!(cache.hub.bytes_sent(&digest), 10, "{fault:?}");
    }
}
