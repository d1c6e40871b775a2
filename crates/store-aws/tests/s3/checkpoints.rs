//! Going on after a checkpoint while the first writer is not gone: instances
//! share nothing that could fence it.

use berth_domain::{ObjectKey, WriteState};
use berth_oci::Digest;
use berth_ports::BlobWriter;
use berth_store_aws::S3Blobs;
use bytes::Bytes;

use super::faulty::{Fault, FaultyS3};
use super::{
    MIB, append, assert_has, begin, bytes, finish, go_on, key, left, open, settings, stored,
    two_instances, unbegun,
};

/// A writer that has sent some parts, and its state behind them.
async fn begun(
    store: &S3Blobs,
    key: ObjectKey,
    bytes: &Bytes,
) -> (Box<dyn BlobWriter>, WriteState) {
    let mut writer = go_on(store, key, unbegun(), bytes).await;
    writer.flush().await.unwrap();
    let state = writer.checkpoint().await.unwrap();
    (writer, state)
}

fn after(all: &Bytes, state: &WriteState) -> Bytes {
    all.slice(usize::try_from(state.offset).unwrap()..)
}

#[tokio::test]
async fn when_all_parts_are_there_a_checkpoint_is_behind_the_last() {
    let store = open(&settings()).await;
    let (_, state) = begun(&store, key(), &bytes(20 * MIB)).await;
    assert_eq!(state.offset, 16 * MIB as u64);
}

/// It sends as many parts as the other, at the same time.
#[tokio::test]
async fn whoever_began_changes_nothing_of_what_another_makes_from_its_checkpoint() {
    let (one, other) = two_instances().await;
    let (key, expected) = (key(), bytes(60 * MIB));
    let (mut stalled, state) = begun(&one, key, &expected.slice(..20 * MIB)).await;
    let wrong = Bytes::from(vec![9; 30 * MIB]);
    append(&mut stalled, &wrong).await;
    let rest = after(&expected, &state);
    let mut writer = go_on(&other, key, stored(&state), &rest.slice(..30 * MIB)).await;
    writer.flush().await.unwrap();
    append(&mut stalled, &wrong).await;
    stalled.flush().await.unwrap();
    append(&mut writer, &rest.slice(30 * MIB..)).await;
    finish(writer, &expected).await;
    assert_has(&one, key, &expected).await;
}

#[tokio::test]
async fn nothing_but_the_object_is_left_when_another_made_it_from_a_checkpoint() {
    let settings = settings();
    let (one, other) = (open(&settings).await, open(&settings).await);
    let (key, expected) = (key(), bytes(40 * MIB));
    let paused = begin(&one, key, &expected.slice(..MIB)).await;
    let mut writer = go_on(&one, key, stored(&paused), &expected.slice(MIB..20 * MIB)).await;
    writer.flush().await.unwrap();
    let state = writer.checkpoint().await.unwrap();
    let writer = go_on(&other, key, stored(&state), &after(&expected, &state)).await;
    finish(writer, &expected).await;
    assert_has(&one, key, &expected).await;
    let left = left(&settings, key).await;
    assert_eq!(
        (left.objects, left.uploads),
        (vec![format!("blobs/{key}")], 0)
    );
}

/// Until a state without it was recorded, it may be needed.
#[tokio::test]
async fn the_tail_that_a_writer_began_with_goes_at_the_pause_after_its_checkpoint() {
    let settings = settings();
    let store = open(&settings).await;
    let (key, expected) = (key(), bytes(20 * MIB));
    let paused = begin(&store, key, &expected.slice(..MIB)).await;
    let tail = left(&settings, key).await.objects;
    let mut writer = go_on(&store, key, stored(&paused), &expected.slice(MIB..)).await;
    writer.flush().await.unwrap();
    let state = writer.checkpoint().await.unwrap();
    assert_eq!(left(&settings, key).await.objects, tail);
    let more = bytes(10);
    let writer = go_on(&store, key, stored(&state), &more).await;
    writer.pause().await.unwrap();
    let left = left(&settings, key).await.objects;
    assert_eq!(left.len(), 1);
    assert_ne!(left, tail);
}

/// What came behind it may have arrived.
#[tokio::test]
async fn a_checkpoint_is_before_a_part_that_failed_and_nobody_can_finish_without_it() {
    let faulty = FaultyS3::before(&settings()).await;
    let store = open(&faulty.settings).await;
    let (key, expected) = (key(), bytes(40 * MIB));
    let (mut writer, before) = begun(&store, key, &expected.slice(..12 * MIB)).await;
    // Each call is tried four times.
    faulty.fail_often(4, Fault::Failed);
    append(&mut writer, &expected.slice(12 * MIB..17 * MIB)).await;
    assert!(writer.flush().await.is_err());
    assert!(faulty.heal());
    append(&mut writer, &expected.slice(17 * MIB..)).await;
    assert!(writer.flush().await.is_err());
    let state = writer.checkpoint().await.unwrap();
    assert_eq!(state.offset, before.offset);
    let digest = Digest::sha256(&expected);
    assert!(writer.finish(digest).await.is_err());
    let writer = go_on(&store, key, stored(&state), &after(&expected, &state)).await;
    finish(writer, &expected).await;
    assert_has(&store, key, &expected).await;
}
