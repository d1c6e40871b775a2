//! How much is under way at once.

use berth_testkit::hub::{Fault, Gate, On, RequestKind};
use berth_testkit::image::Image;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::*;

/// How much may wait or run.
const PLACES: usize = 1_024;

fn digest(number: usize) -> Digest {
    Digest::sha256(number.to_string().as_bytes())
}

/// Asks for more than there is place for, with the upstream holding its
/// answers: what there is no place for is refused, no more than `at_once` reach
/// the upstream, and the others get its answers in the end.
async fn assert_bounded<'a>(
    cache: &'a Cache,
    kind: RequestKind,
    at_once: usize,
    ask: impl Fn(usize) -> BoxFuture<'a, Error>,
) {
    const TOO_MANY: usize = 10;
    let gate = Gate::closed();
    cache.hub.fault(On::every(kind), Fault::Hold(gate.clone()));
    let mut asked: FuturesUnordered<_> = (0..PLACES + TOO_MANY).map(ask).collect();
    for _ in 0..TOO_MANY {
        let error = asked.next().await.unwrap();
        assert!(matches!(error, Error::Busy), "{error}");
    }
    gate.arrived(at_once).await;
    // What would go upstream unlimited has had the time of many requests.
    for number in 0..50 {
        let tag = format!("t{number}");
        cache.hub.push_image("c/d", &tag, &Image::random(10));
        cache.head("hub/c/d", &tag).await.unwrap();
    }
    assert_eq!(cache.hub.count(kind), at_once);
    gate.open();
    let mut answered = 0;
    while let Some(error) = asked.next().await {
        assert!(matches!(error, Error::Upstream(_)), "{error}");
        answered += 1;
    }
    assert_eq!(answered, PLACES);
    // All places are free again.
    assert_eq!(upstream_error_status(&ask_again(cache).await), 404);
}

async fn ask_again(cache: &Cache) -> Error {
    cache.get("hub/a/b", "again").await.unwrap_err()
}

fn upstream_error_status(error: &Error) -> u16 {
    match error {
        Error::Upstream(UpstreamError::Status { status, .. }) => *status,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn fills_are_limited() {
    let cache = Cache::open().await;
    assert_bounded(&cache, RequestKind::BlobGet, 128, |number| {
        let blob = cache.blob("hub/a/b", digest(number));
        Box::pin(async { blob.await.unwrap_err() })
    })
    .await;
    assert_eq!(upstream_status(cache.blob("hub/a/b", digest(0)).await), 404);
}

#[tokio::test]
async fn fetches_of_manifests_are_limited() {
    let cache = Cache::open().await;
    assert_bounded(&cache, RequestKind::ManifestGet, 64, |number| {
        let cache = &cache;
        Box::pin(async move {
            let reference = digest(number).to_string();
            cache.get("hub/a/b", &reference).await.unwrap_err()
        })
    })
    .await;
}

#[tokio::test]
async fn tags_that_there_is_no_place_to_confirm_are_served_as_held() {
    const CHECKS: usize = 256;
    let cache = Cache::open().await;
    let image = Image::random(10);
    let tags: Vec<_> = (0..=CHECKS).map(|number| format!("t{number}")).collect();
    for tag in &tags {
        cache.hub.push_image("a/b", tag, &image);
        cache.get("hub/a/b", tag).await.unwrap();
    }
    cache.clock.advance(Duration::from_mins(1));
    let gate = Gate::closed();
    cache.hub.fault(
        On::every(RequestKind::ManifestHead),
        Fault::Hold(gate.clone()),
    );
    let mut pulls: FuturesUnordered<_> = tags.iter().map(|tag| cache.get("hub/a/b", tag)).collect();
    assert!(pulls.next().await.unwrap().unwrap().stale);
    gate.open();
    while let Some(pull) = pulls.next().await {
        assert_eq!(pull.unwrap().digest, image.digest());
    }
}
