//! Every request to S3 failing once, in every way: nobody notices.

use berth_ports::{BlobStore, StoreError};
use berth_store_aws::{S3Blobs, S3Settings};
use bytes::Bytes;

use super::faulty::{Fault, FaultyS3};
use super::unbegun;
use super::{MIB, assert_has, begin, bytes, finish, go_on, key, left, open, settings, stored};

const FAULTS: [Fault; 5] = [
    Fault::AnswerLost,
    Fault::Broken,
    Fault::SlowDown,
    Fault::Failed,
    Fault::Conflict,
];

/// Runs `walk` with no fault, then with its first request failing, its second,
/// and so on until there is no such request; with each kind of fault.
async fn walk(walk: impl AsyncFn(&S3Blobs, &S3Settings)) {
    let settings = settings();
    let faulty = FaultyS3::before(&settings).await;
    let store = open(&faulty.settings).await;
    for fault in FAULTS {
        for after in 0.. {
            faulty.fail(after, fault);
            walk(&store, &settings).await;
            if !faulty.heal() {
                break;
            }
        }
    }
}

/// Deletes an object and looks that nothing is left of it.
async fn clear(store: &S3Blobs, settings: &S3Settings, key: berth_domain::ObjectKey) {
    store.delete(&[key]).await.unwrap();
    let left = left(settings, key).await;
    assert_eq!((left.objects, left.uploads), (Vec::new(), 0));
}

#[tokio::test]
async fn a_small_object_is_written_read_and_deleted() {
    walk(async |store, settings| {
        let (key, expected) = (key(), bytes(1000));
        let state = begin(store, key, &expected.slice(..400)).await;
        let writer = go_on(store, key, stored(&state), &expected.slice(400..)).await;
        finish(writer, &expected).await;
        assert_has(store, key, &expected).await;
        clear(store, settings, key).await;
    })
    .await;
}

#[tokio::test]
async fn a_large_object_is_written_in_two_requests_read_and_deleted() {
    walk(async |store, settings| {
        let (key, expected) = (key(), bytes(14 * MIB));
        let state = begin(store, key, &expected.slice(..9 * MIB)).await;
        let writer = go_on(store, key, stored(&state), &expected.slice(9 * MIB..)).await;
        finish(writer, &expected).await;
        assert_has(store, key, &expected).await;
        clear(store, settings, key).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_is_put() {
    walk(async |store, settings| {
        let (key, expected) = (key(), bytes(1000));
        store.put(key, expected.clone()).await.unwrap();
        assert_has(store, key, &expected).await;
        clear(store, settings, key).await;
    })
    .await;
}

#[tokio::test]
async fn a_read_that_breaks_off_again_and_again_goes_on_while_something_comes() {
    let settings = settings();
    let faulty = FaultyS3::before(&settings).await;
    let store = open(&faulty.settings).await;
    let (key, expected) = (key(), bytes(64 * MIB));
    finish(go_on(&store, key, unbegun(), &expected).await, &expected).await;
    faulty.fail_often(6, Fault::Broken);
    assert_has(&store, key, &expected).await;
    assert!(faulty.heal());
}

#[tokio::test]
async fn a_store_that_nobody_answers_for_is_not_available() {
    let nowhere = S3Settings {
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        ..settings()
    };
    let store = S3Blobs::open(&super::aws().await, &nowhere);
    let stored = store.put(key(), Bytes::from_static(b"a")).await;
    assert!(
        matches!(stored, Err(StoreError::Unavailable(_))),
        "{stored:?}"
    );
    let writer = go_on(&store, key(), unbegun(), &bytes(10)).await;
    let paused = writer.pause().await;
    assert!(
        matches!(paused, Err(StoreError::Unavailable(_))),
        "{paused:?}"
    );
}
