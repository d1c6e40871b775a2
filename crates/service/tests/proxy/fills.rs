//! Blobs on their way: one fetch for all, streamed, resumed, verified.

use berth_testkit::hub::{Fault, Gate, On, RequestKind};
use berth_testkit::image::seeded_bytes;
use futures_util::future::join_all;
use http::header::CONTENT_LENGTH;

use super::*;

const SIZE: u64 = 1_000_000;

async fn cache_with_blob(settings: HubSettings) -> (Cache, Digest) {
    let cache = Cache::of(settings).await;
    let digest = cache.hub.push_seeded_blob("a/b", 3, SIZE);
    (cache, digest)
}

fn bytes() -> Bytes {
    seeded_bytes(3, 0..SIZE)
}

#[tokio::test]
async fn a_missed_blob_is_fetched_once_for_all() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    let reads = join_all((0..16).map(|_| cache.read("hub/a/b", digest))).await;
    for read in reads {
        assert_eq!(read.unwrap(), bytes());
    }
    assert_eq!(cache.hub.count(RequestKind::CdnGet), 1);
    assert_eq!(cache.hub.bytes_sent(&digest), SIZE);
}

#[tokio::test]
async fn clients_read_while_it_comes_in() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    let gate = Gate::closed();
    gate.let_through(4);
    cache
        .hub
        .fault(On::every(RequestKind::CdnGet), Fault::Slow(gate.clone()));
    let first = cache.blob("hub/a/b", digest).await.unwrap();
    let late = cache.blob("hub/a/b", digest).await.unwrap();
    assert_eq!((first.size, late.size), (SIZE, SIZE));
    let whole = Span {
        start: 0,
        end: SIZE,
    };
    let Ok(Access::Stream(mut stream)) = first.open(whole, &|_| true).await else {
        panic!("no stream");
    };
    let chunk = stream.next().await.unwrap().unwrap();
    assert_eq!(chunk, bytes()[..chunk.len()]);
    assert!(!cache.is_held("hub/a/b", digest).await);
    gate.open();
    assert_eq!(read(&late, 0..SIZE).await.unwrap(), bytes());
    assert_eq!(read(&first, 0..SIZE).await.unwrap(), bytes());
    assert_eq!(cache.hub.count(RequestKind::CdnGet), 1);
}

#[tokio::test]
async fn a_fill_goes_on_when_all_clients_are_gone() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    let gate = Gate::closed();
    gate.let_through(1);
    cache
        .hub
        .fault(On::every(RequestKind::CdnGet), Fault::Slow(gate.clone()));
    drop(cache.blob("hub/a/b", digest).await.unwrap());
    gate.open();
    // Another client joins the fill or finds it done; it begins no other.
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
    assert_eq!(cache.hub.count(RequestKind::CdnGet), 1);
}

#[tokio::test]
async fn wrong_bytes_are_never_served_complete_and_leave_no_trace() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    let gate = Gate::closed();
    cache
        .hub
        .fault(On::every(RequestKind::CdnGet).times(1), Fault::WrongBytes);
    cache.hub.fault(
        On::every(RequestKind::CdnGet).times(1),
        Fault::Slow(gate.clone()),
    );
    let blob = cache.blob("hub/a/b", digest).await.unwrap();
    gate.open();
    for span in [0..SIZE, 0..1, 10..20, SIZE - 1..SIZE] {
        assert!(read(&blob, span.clone()).await.is_err(), "{span:?}");
    }
    cache.assert_no_trace("hub/a/b").await;
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
}

#[tokio::test]
async fn a_fill_that_breaks_off_goes_on_by_range() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    cache.hub.fault(
        On::every(RequestKind::CdnGet).times(1),
        Fault::CutAfter(400_000),
    );
    cache
        .hub
        .fault(On::every(RequestKind::CdnGet).times(1), Fault::CutAfter(0));
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
    let gets = cache.hub.requests_of(RequestKind::CdnGet);
    let ranges: Vec<_> = gets.iter().map(|get| get.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=400000-"), Some("bytes=400000-")]);
    assert_eq!(cache.hub.bytes_sent(&digest), SIZE);
}

#[tokio::test]
async fn a_fill_that_breaks_off_goes_on_without_ranges() {
    let settings = HubSettings {
        serves_ranges: false,
        ..HubSettings::docker_hub()
    };
    let (cache, digest) = cache_with_blob(settings).await;
    cache.hub.fault(
        On::every(RequestKind::CdnGet).times(1),
        Fault::CutAfter(400_000),
    );
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
}

#[tokio::test]
async fn a_fill_survives_a_restart_of_the_upstream() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    let gate = Gate::closed();
    gate.let_through(2);
    cache.hub.fault(
        On::every(RequestKind::CdnGet).times(1),
        Fault::Slow(gate.clone()),
    );
    let blob = cache.blob("hub/a/b", digest).await.unwrap();
    cache.hub.stop().await;
    cache.hub.restart().await;
    assert_eq!(read(&blob, 0..SIZE).await.unwrap(), bytes());
}

#[tokio::test]
async fn a_fill_that_breaks_off_again_and_again_fails_for_all() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    cache.hub.fault(
        On::every(RequestKind::CdnGet).times(1),
        Fault::CutAfter(400_000),
    );
    cache
        .hub
        .fault(On::every(RequestKind::CdnGet).after(1), Fault::Close);
    let blob = cache.blob("hub/a/b", digest).await.unwrap();
    let reads = join_all((0..4).map(|_| read(&blob, 0..SIZE))).await;
    assert!(reads.iter().all(std::result::Result::is_err));
    cache.assert_no_trace("hub/a/b").await;
    cache.hub.clear_faults();
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
}

#[tokio::test]
async fn an_upstream_that_lies_about_the_length_is_refused() {
    for length in [SIZE - 1, SIZE + 1] {
        let (cache, digest) = cache_with_blob(HubSettings::open()).await;
        cache.hub.fault(
            On::every(RequestKind::BlobGet),
            Fault::ContentLength(length),
        );
        assert!(cache.read("hub/a/b", digest).await.is_err(), "{length}");
        cache.assert_no_trace("hub/a/b").await;
    }
}

#[tokio::test]
async fn a_blob_whose_size_the_upstream_does_not_say_is_served_once_it_is_held() {
    let (cache, digest) = cache_with_blob(HubSettings::open()).await;
    cache
        .hub
        .fault(On::any(), Fault::without_header(CONTENT_LENGTH));
    assert_eq!(cache.read("hub/a/b", digest).await.unwrap(), bytes());
    assert!(cache.is_held("hub/a/b", digest).await);
}

#[tokio::test]
async fn a_fill_keeps_no_session() {
    let (cache, digest) = cache_with_blob(HubSettings::docker_hub()).await;
    cache.read("hub/a/b", digest).await.unwrap();
    let later = cache.clock.now() + Duration::from_secs(1);
    assert!(
        cache
            .ports()
            .uploads
            .idle_uploads(later, 10)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}
