//! Several instances over one bucket, which share nothing else.

use berth_oci::Digest;
use berth_ports::{BlobStore, Finished, StoreError};
use bytes::Bytes;

use super::faulty::FaultyS3;
use super::{
    MIB, append, assert_has, begin, bytes, finish, go_on, key, left, open, settings, stored,
    two_instances, unbegun,
};

#[tokio::test]
async fn another_instance_goes_on_with_parts_and_a_tail() {
    let settings = settings();
    let (one, other) = (open(&settings).await, open(&settings).await);
    let (key, expected) = (key(), bytes(30 * MIB + 7));
    let state = begin(&one, key, &expected.slice(..13 * MIB)).await;
    let mut writer = other.write(key, stored(&state)).await.unwrap();
    append(&mut writer, &expected.slice(13 * MIB..26 * MIB)).await;
    let state = writer.pause().await.unwrap();
    let mut writer = one.write(key, stored(&state)).await.unwrap();
    append(&mut writer, &expected.slice(26 * MIB..)).await;
    finish(writer, &expected).await;
    assert_has(&other, key, &expected).await;
    let left = left(&settings, key).await;
    assert_eq!(
        (left.objects, left.uploads),
        (vec![format!("blobs/{key}")], 0)
    );
}

/// Numbers are claimed by fours, so they have gaps, which S3 takes only if no
/// part has a checksum of its own.
#[tokio::test]
async fn parts_of_several_instances_make_an_object_where_checksums_forbid_gaps() {
    let settings = FaultyS3::before(&settings()).await.settings;
    let (one, other) = (open(&settings).await, open(&settings).await);
    let (key, expected) = (key(), bytes(26 * MIB));
    let mut state = begin(&one, key, &expected.slice(..9 * MIB)).await;
    let mut stalled = go_on(&other, key, stored(&state), &expected).await;
    stalled.flush().await.unwrap();
    let writer = go_on(
        &one,
        key,
        stored(&state),
        &expected.slice(9 * MIB..18 * MIB),
    )
    .await;
    state = writer.pause().await.unwrap();
    let writer = go_on(&other, key, stored(&state), &expected.slice(18 * MIB..)).await;
    finish(writer, &expected).await;
    assert_has(&one, key, &expected).await;
}

/// Two instances share nothing that could fence them, and still nothing of the
/// one is in what the other makes.
#[tokio::test]
async fn a_stalled_writer_changes_nothing_of_what_another_instance_makes() {
    let settings = settings();
    let (one, other) = (open(&settings).await, open(&settings).await);
    let (key, expected) = (key(), bytes(40 * MIB));
    let state = begin(&one, key, &expected.slice(..10 * MIB)).await;
    let wrong = Bytes::from(vec![9; 40 * MIB]);
    let mut stalled = one.write(key, stored(&state)).await.unwrap();
    append(&mut stalled, &wrong.slice(..7 * MIB)).await;
    let mut writer = go_on(
        &other,
        key,
        stored(&state),
        &expected.slice(10 * MIB..30 * MIB),
    )
    .await;
    writer.flush().await.unwrap();
    append(&mut stalled, &wrong).await;
    stalled.flush().await.unwrap();
    let state = writer.pause().await.unwrap();
    append(&mut stalled, &wrong).await;
    stalled.pause().await.unwrap();
    let writer = go_on(&other, key, stored(&state), &expected.slice(30 * MIB..)).await;
    finish(writer, &expected).await;
    assert_has(&one, key, &expected).await;
    let left = left(&settings, key).await;
    assert_eq!(
        (left.objects, left.uploads),
        (vec![format!("blobs/{key}")], 0)
    );
}

/// The answer to the first was lost, or its instance died before it linked the
/// blob.
#[tokio::test]
async fn a_write_can_be_finished_again_by_another_instance() {
    let (one, other) = two_instances().await;
    for size in [100, 7 * MIB, 12 * MIB] {
        let (key, expected) = (key(), bytes(size));
        let state = begin(&one, key, &expected).await;
        for store in [&one, &other] {
            let writer = store.write(key, stored(&state)).await.unwrap();
            finish(writer, &expected).await;
        }
        assert_has(&one, key, &expected).await;
    }
}

/// Not even by one that has other bytes, which are right for it.
#[tokio::test]
async fn a_finished_object_is_not_written_over() {
    let (one, other) = two_instances().await;
    for size in [100, 12 * MIB] {
        let (key, first, second) = (key(), bytes(size), Bytes::from(vec![1; size]));
        let late = go_on(&other, key, unbegun(), &second).await;
        let writer = go_on(&one, key, unbegun(), &first).await;
        writer.finish(Digest::sha256(&first)).await.unwrap();
        let result = late.finish(Digest::sha256(&second)).await;
        assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
        assert_has(&one, key, &first).await;
    }
}

/// Its session has long been another's, who may have finished it.
#[tokio::test]
async fn a_mismatch_on_one_instance_does_not_touch_what_another_finished() {
    let (one, other) = two_instances().await;
    let (key, expected) = (key(), bytes(1000));
    let stalled = go_on(&one, key, unbegun(), &bytes(10)).await;
    let writer = go_on(&other, key, unbegun(), &expected).await;
    writer.finish(Digest::sha256(&expected)).await.unwrap();
    let finished = stalled.finish(Digest::sha256(&expected)).await.unwrap();
    assert!(matches!(finished, Finished::Mismatch { .. }));
    assert_has(&one, key, &expected).await;
}
