//! Behaviours of [`BlobWriter::checkpoint`].

use std::time::Duration;

use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::BlobWriter;
use bytes::Bytes;

use super::blob_reads::read_all;
use super::blob_writes::{append, assert_stored};
use super::fixtures::fresh;
use crate::Blobs;
use crate::image::seeded_bytes;

suite! {
    /// Makes tests of the behaviours of `BlobWriter::checkpoint`.
    blob_checkpoints_suite in blob_checkpoints {
        a_writer_goes_on_after_its_checkpoints,
        a_checkpoint_says_no_more_than_was_taken,
        a_checkpoint_of_a_large_write_is_beyond_its_beginning,
        another_writer_goes_on_from_a_checkpoint_of_one_that_is_gone,
        a_write_goes_on_from_an_older_checkpoint,
        a_write_goes_on_from_the_checkpoint_of_one_that_had_gone_on,
        a_write_from_a_checkpoint_can_be_paused,
        a_checkpoint_of_a_write_that_was_paused_is_not_before_the_pause,
        what_a_writer_began_with_stays_good_after_its_checkpoint,
        a_fenced_writer_has_no_checkpoint,
    }
}

const MIB: usize = 1024 * 1024;

/// Several parts of any store.
const LARGE: usize = 40 * MIB;

/// How long a store may take to have a part of them.
const PATIENCE: Duration = Duration::from_mins(1);

fn bytes(length: usize) -> Bytes {
    seeded_bytes(11, 0..length as u64)
}

/// As much of nothing that the object should have.
fn wrong(length: usize) -> Bytes {
    vec![0; length].into()
}

/// As another instance reads it from a record.
fn stored(state: &WriteState) -> WriteState {
    assert!(state.progress.len() <= 64 * 1024);
    WriteState {
        offset: state.offset,
        hash: Hasher::restore(&state.hash.save()).unwrap(),
        progress: state.progress.clone(),
    }
}

/// A checkpoint beyond `offset`, as soon as there is one.
async fn checkpoint_beyond(writer: &mut Box<dyn BlobWriter>, offset: u64) -> WriteState {
    let moved = async {
        loop {
            let state = writer.checkpoint().await.unwrap();
            if state.offset > offset {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, moved).await.unwrap()
}

fn after(all: &Bytes, state: &WriteState) -> Bytes {
    all.slice(usize::try_from(state.offset).unwrap()..)
}

impl Blobs {
    /// Goes on from a state, and looks that the whole object is right.
    async fn complete(&self, key: ObjectKey, state: &WriteState, all: &Bytes) {
        let mut writer = self.resume(key, stored(state)).await;
        append(&mut writer, &after(all, state)).await;
        assert_stored(writer.finish(Digest::sha256(all)).await, all.len());
        assert!(
            read_all(self, key, all.len()).await == *all,
            "the bytes differ"
        );
    }
}

/// However many there are, wherever they are.
pub async fn a_writer_goes_on_after_its_checkpoints(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(18 * MIB));
    let mut writer = blobs.writer(key).await;
    let mut from = 0;
    for length in [0, 1, 99, 9 * MIB, 3, 5 * MIB, 0] {
        append(&mut writer, &all.slice(from..from + length)).await;
        from += length;
        writer.checkpoint().await.unwrap();
        assert_eq!(writer.offset(), from as u64);
    }
    append(&mut writer, &all.slice(from..)).await;
    assert_stored(writer.finish(Digest::sha256(&all)).await, all.len());
    assert!(
        read_all(blobs, key, all.len()).await == all,
        "the bytes differ"
    );
}

/// It is never before the one that came earlier, and its hash is that of the
/// bytes before it.
pub async fn a_checkpoint_says_no_more_than_was_taken(blobs: &Blobs) {
    let all = bytes(18 * MIB);
    let mut writer = blobs.writer(fresh()).await;
    let (mut last, mut hash, mut hashed) = (0, Hasher::new(Algorithm::Sha256), 0);
    for piece in all.chunks(MIB / 2 + 1) {
        writer.append(all.slice_ref(piece)).await.unwrap();
        let state = writer.checkpoint().await.unwrap();
        assert!((last..=writer.offset()).contains(&state.offset));
        last = state.offset;
        let end = usize::try_from(last).unwrap();
        hash.update(&all[hashed..end]);
        hashed = end;
        assert_eq!(state.hash.finish(), hash.clone().finish());
    }
}

/// Though nobody waits for what is on its way.
pub async fn a_checkpoint_of_a_large_write_is_beyond_its_beginning(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(LARGE));
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &all).await;
    let state = checkpoint_beyond(&mut writer, 0).await;
    drop(writer);
    blobs.complete(key, &state, &all).await;
}

/// Whenever it was made.
pub async fn another_writer_goes_on_from_a_checkpoint_of_one_that_is_gone(blobs: &Blobs) {
    let all = bytes(18 * MIB);
    for (before, behind) in [(0, 0), (0, 1000), (1000, 0), (1000, MIB), (17 * MIB, 0)] {
        let key = fresh();
        let mut writer = blobs.writer(key).await;
        append(&mut writer, &all.slice(..before)).await;
        let state = writer.checkpoint().await.unwrap();
        append(&mut writer, &wrong(behind)).await;
        drop(writer);
        blobs.complete(key, &state, &all).await;
    }
}

/// What the first writer took behind it is in no object.
pub async fn a_write_goes_on_from_an_older_checkpoint(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(LARGE));
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &all.slice(..20 * MIB)).await;
    let state = checkpoint_beyond(&mut writer, 0).await;
    append(&mut writer, &wrong(LARGE)).await;
    checkpoint_beyond(&mut writer, 20 * MIB as u64).await;
    drop(writer);
    blobs.complete(key, &state, &all).await;
}

/// Another took over, and another again.
pub async fn a_write_goes_on_from_the_checkpoint_of_one_that_had_gone_on(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(LARGE));
    let mut state = WriteState::new(Algorithm::Sha256);
    for _ in 0..2 {
        let mut writer = blobs.resume(key, stored(&state)).await;
        let rest = after(&all, &state);
        append(&mut writer, &rest.slice(..rest.len() / 2)).await;
        state = checkpoint_beyond(&mut writer, state.offset).await;
    }
    blobs.complete(key, &state, &all).await;
}

/// A shutdown.
pub async fn a_write_from_a_checkpoint_can_be_paused(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(LARGE));
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &all.slice(..20 * MIB)).await;
    let state = checkpoint_beyond(&mut writer, 0).await;
    let mut writer = blobs.resume(key, stored(&state)).await;
    append(&mut writer, &after(&all, &state).slice(..1000)).await;
    let paused = writer.pause().await.unwrap();
    assert_eq!(paused.offset, state.offset + 1000);
    let mut writer = blobs.resume(key, stored(&paused)).await;
    let same = writer.checkpoint().await.unwrap();
    assert_eq!(same.offset, paused.offset);
    drop(writer);
    blobs.complete(key, &same, &all).await;
}

/// Whatever came behind it.
pub async fn a_checkpoint_of_a_write_that_was_paused_is_not_before_the_pause(blobs: &Blobs) {
    let all = bytes(LARGE);
    for paused_at in [1000, 13 * MIB] {
        let key = fresh();
        let mut writer = blobs.writer(key).await;
        append(&mut writer, &all.slice(..paused_at)).await;
        let paused = writer.pause().await.unwrap();
        let mut writer = blobs.resume(key, stored(&paused)).await;
        append(&mut writer, &all.slice(paused_at..paused_at + 1000)).await;
        let state = writer.checkpoint().await.unwrap();
        assert!((paused.offset..=paused.offset + 1000).contains(&state.offset));
        append(&mut writer, &all.slice(paused_at + 1000..)).await;
        let state = checkpoint_beyond(&mut writer, paused.offset + 1000).await;
        drop(writer);
        blobs.complete(key, &state, &all).await;
    }
}

/// The newer state may have got lost on its way to the record.
pub async fn what_a_writer_began_with_stays_good_after_its_checkpoint(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(LARGE));
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &all.slice(..13 * MIB)).await;
    let began = writer.pause().await.unwrap();
    let mut writer = blobs.resume(key, stored(&began)).await;
    append(&mut writer, &wrong(LARGE)).await;
    checkpoint_beyond(&mut writer, began.offset).await;
    drop(writer);
    blobs.complete(key, &began, &all).await;
}

/// Nor does it disturb the other.
pub async fn a_fenced_writer_has_no_checkpoint(blobs: &Blobs) {
    let (key, all) = (fresh(), bytes(100_000));
    let mut first = blobs.writer(key).await;
    append(&mut first, &wrong(1000)).await;
    let mut second = blobs.writer(key).await;
    append(&mut second, &all.slice(..50_000)).await;
    assert_fails!(first.checkpoint().await, Conflict);
    append(&mut second, &all.slice(50_000..)).await;
    assert_stored(second.finish(Digest::sha256(&all)).await, all.len());
}
