//! Behaviours of [`BlobStore`](berth_ports::BlobStore): writing and deleting.

use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{BlobWriter, Finished, StoreResult};
use bytes::Bytes;

use super::blob_reads::read_all;
use super::fixtures::{RUNNERS, fresh, race};
use crate::Blobs;
use crate::image::seeded_bytes;

suite! {
    /// Makes tests of the behaviours of `BlobStore` about writes.
    blob_writes_suite in blob_writes {
        a_finished_object_has_its_bytes,
        an_empty_object_is_an_object,
        an_object_of_20_mib_has_its_bytes,
        a_writer_counts_what_it_took,
        nothing_is_readable_before_the_end,
        a_paused_write_goes_on,
        a_write_goes_on_after_any_number_of_pauses,
        a_write_goes_on_from_a_stored_state,
        a_write_goes_on_from_an_older_pause,
        a_pause_without_bytes_is_a_pause,
        a_dropped_writer_keeps_what_an_earlier_pause_kept,
        a_mismatch_says_what_the_bytes_are_and_leaves_nothing,
        a_mismatch_after_a_pause_leaves_nothing,
        a_sha512_object_is_checked_as_such,
        another_algorithm_may_be_named_at_the_end,
        a_mismatch_of_another_algorithm_leaves_nothing,
        a_second_writer_fences_the_first,
        a_fenced_writer_cannot_pause,
        writers_of_different_keys_do_not_disturb_each_other,
        a_put_object_has_its_bytes,
        an_empty_object_can_be_put,
        a_deleted_object_is_gone_and_others_stay,
        deleting_an_object_that_is_not_there_is_no_error,
        an_unfinished_object_can_be_deleted,
        up_to_1000_objects_are_deleted_at_once,
    }
}

const MIB: usize = 1024 * 1024;

impl Blobs {
    /// Opens a writer of a fresh object.
    pub(super) async fn writer(&self, key: ObjectKey) -> Box<dyn BlobWriter> {
        self.resume(key, WriteState::new(Algorithm::Sha256)).await
    }

    /// Opens a writer that goes on.
    pub(super) async fn resume(&self, key: ObjectKey, state: WriteState) -> Box<dyn BlobWriter> {
        self.store.write(key, state).await.unwrap()
    }

    /// Stores an object by a writer.
    pub(super) async fn make(&self, bytes: &Bytes) -> ObjectKey {
        let key = fresh();
        let mut writer = self.writer(key).await;
        append(&mut writer, bytes).await;
        assert_stored(writer.finish(Digest::sha256(bytes)).await, bytes.len());
        key
    }

    async fn assert_nothing(&self, key: ObjectKey) {
        assert_eq!(self.store.size(key).await.unwrap(), None);
        let span = berth_ports::Span { start: 0, end: 1 };
        assert_fails!(self.store.stream(key, 1, span).await.map(drop), NotFound);
    }
}

/// Appends in pieces as a request's body comes.
pub(super) async fn append(writer: &mut Box<dyn BlobWriter>, bytes: &Bytes) {
    for piece in bytes.chunks(100_000) {
        writer.append(bytes.slice_ref(piece)).await.unwrap();
    }
}

#[track_caller]
pub(super) fn assert_stored(finished: StoreResult<Finished>, expected: usize) {
    let finished = finished.unwrap();
    assert!(
        matches!(finished, Finished::Stored { size } if size == expected as u64),
        "{finished:?}"
    );
}

#[track_caller]
fn assert_mismatch(finished: StoreResult<Finished>, expected: Digest) {
    let finished = finished.unwrap();
    assert!(
        matches!(finished, Finished::Mismatch { actual } if actual == expected),
        "{finished:?}"
    );
}

fn bytes(length: usize) -> Bytes {
    seeded_bytes(7, 0..length as u64)
}

/// And its size.
pub async fn a_finished_object_has_its_bytes(blobs: &Blobs) {
    let bytes = bytes(300_001);
    let key = blobs.make(&bytes).await;
    assert_eq!(blobs.store.size(key).await.unwrap(), Some(300_001));
    assert_eq!(read_all(blobs, key, bytes.len()).await, bytes);
}

/// Without a single append.
pub async fn an_empty_object_is_an_object(blobs: &Blobs) {
    let key = blobs.make(&Bytes::new()).await;
    assert_eq!(blobs.store.size(key).await.unwrap(), Some(0));
    assert_eq!(read_all(blobs, key, 0).await, Bytes::new());
}

/// More than two parts of any store.
pub async fn an_object_of_20_mib_has_its_bytes(blobs: &Blobs) {
    let bytes = bytes(20 * MIB + 1);
    let key = blobs.make(&bytes).await;
    assert!(
        read_all(blobs, key, bytes.len()).await == bytes,
        "the bytes differ"
    );
}

/// Those of earlier writers included.
pub async fn a_writer_counts_what_it_took(blobs: &Blobs) {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    assert_eq!(writer.offset(), 0);
    append(&mut writer, &bytes(1000)).await;
    assert_eq!(writer.offset(), 1000);
    writer.append(Bytes::new()).await.unwrap();
    assert_eq!(writer.offset(), 1000);
    let state = writer.pause().await.unwrap();
    assert_eq!(state.offset, 1000);
    let mut writer = blobs.resume(key, state).await;
    assert_eq!(writer.offset(), 1000);
    append(&mut writer, &bytes(1)).await;
    assert_eq!(writer.offset(), 1001);
}

/// Neither while it is written nor while it is paused.
pub async fn nothing_is_readable_before_the_end(blobs: &Blobs) {
    let key = fresh();
    blobs.assert_nothing(key).await;
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes(9 * MIB)).await;
    blobs.assert_nothing(key).await;
    writer.pause().await.unwrap();
    blobs.assert_nothing(key).await;
}

/// Offset and hash go on.
pub async fn a_paused_write_goes_on(blobs: &Blobs) {
    let bytes = bytes(200_000);
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes.slice(..70_001)).await;
    let state = writer.pause().await.unwrap();
    let mut writer = blobs.resume(key, state).await;
    append(&mut writer, &bytes.slice(70_001..)).await;
    assert_stored(writer.finish(Digest::sha256(&bytes)).await, bytes.len());
    assert_eq!(read_all(blobs, key, bytes.len()).await, bytes);
}

/// However small or large the pieces between them are.
pub async fn a_write_goes_on_after_any_number_of_pauses(blobs: &Blobs) {
    let bytes = bytes(9 * MIB);
    let key = fresh();
    let mut state = WriteState::new(Algorithm::Sha256);
    let mut from = 0;
    for length in [1, 0, 99, 5 * MIB, 3, 3 * MIB, 100_000] {
        let mut writer = blobs.resume(key, state).await;
        append(&mut writer, &bytes.slice(from..from + length)).await;
        from += length;
        state = writer.pause().await.unwrap();
        assert_eq!(state.offset, from as u64);
    }
    let mut writer = blobs.resume(key, state).await;
    append(&mut writer, &bytes.slice(from..)).await;
    assert_stored(writer.finish(Digest::sha256(&bytes)).await, bytes.len());
    assert!(
        read_all(blobs, key, bytes.len()).await == bytes,
        "the bytes differ"
    );
}

/// By an instance that knows nothing but the session's record.
pub async fn a_write_goes_on_from_a_stored_state(blobs: &Blobs) {
    let bytes = bytes(100_000);
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes.slice(..60_000)).await;
    let state = writer.pause().await.unwrap();
    assert!(state.progress.len() <= 64 * 1024);
    let restored = WriteState {
        offset: state.offset,
        hash: Hasher::restore(&state.hash.save()).unwrap(),
        progress: state.progress,
    };
    let mut writer = blobs.resume(key, restored).await;
    append(&mut writer, &bytes.slice(60_000..)).await;
    assert_stored(writer.finish(Digest::sha256(&bytes)).await, bytes.len());
}

/// A later pause whose state was lost does not count.
pub async fn a_write_goes_on_from_an_older_pause(blobs: &Blobs) {
    let bytes = bytes(100_000);
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes.slice(..50_000)).await;
    let older = writer.pause().await.unwrap();
    let mut writer = blobs.resume(key, older.clone()).await;
    append(&mut writer, &Bytes::from(vec![0; 90_000])).await;
    writer.pause().await.unwrap();
    let mut writer = blobs.resume(key, older).await;
    append(&mut writer, &bytes.slice(50_000..)).await;
    assert_stored(writer.finish(Digest::sha256(&bytes)).await, bytes.len());
    assert_eq!(read_all(blobs, key, bytes.len()).await, bytes);
}

/// A session that was opened and left.
pub async fn a_pause_without_bytes_is_a_pause(blobs: &Blobs) {
    let key = fresh();
    let state = blobs.writer(key).await.pause().await.unwrap();
    assert_eq!(state.offset, 0);
    let writer = blobs.resume(key, state).await;
    assert_stored(writer.finish(Digest::sha256(b"")).await, 0);
}

/// A request that broke off.
pub async fn a_dropped_writer_keeps_what_an_earlier_pause_kept(blobs: &Blobs) {
    let bytes = bytes(100_000);
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes.slice(..50_000)).await;
    let state = writer.pause().await.unwrap();
    let mut dropped = blobs.resume(key, state.clone()).await;
    append(&mut dropped, &Bytes::from(vec![0; 70_000])).await;
    drop(dropped);
    let mut writer = blobs.resume(key, state).await;
    append(&mut writer, &bytes.slice(50_000..)).await;
    assert_stored(writer.finish(Digest::sha256(&bytes)).await, bytes.len());
    assert_eq!(read_all(blobs, key, bytes.len()).await, bytes);
}

/// Nobody can read what was not what it was said to be.
pub async fn a_mismatch_says_what_the_bytes_are_and_leaves_nothing(blobs: &Blobs) {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes(1000)).await;
    let finished = writer.finish(Digest::sha256(b"other")).await;
    assert_mismatch(finished, Digest::sha256(&bytes(1000)));
    blobs.assert_nothing(key).await;
}

/// Nor can anybody go on with it.
pub async fn a_mismatch_after_a_pause_leaves_nothing(blobs: &Blobs) {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes(1000)).await;
    let state = writer.pause().await.unwrap();
    let writer = blobs.resume(key, state.clone()).await;
    let finished = writer.finish(Digest::sha256(b"other")).await;
    assert_mismatch(finished, Digest::sha256(&bytes(1000)));
    assert_cannot_go_on(blobs, key, state).await;
}

/// No writer can bring back 1,000 bytes that were deleted.
async fn assert_cannot_go_on(blobs: &Blobs, key: ObjectKey, state: WriteState) {
    if let Ok(writer) = blobs.store.write(key, state).await {
        assert!(writer.finish(Digest::sha256(&bytes(1000))).await.is_err());
    }
    blobs.assert_nothing(key).await;
}

/// Over a pause, too.
pub async fn a_sha512_object_is_checked_as_such(blobs: &Blobs) {
    let bytes = bytes(100_000);
    let key = fresh();
    let mut writer = blobs.resume(key, WriteState::new(Algorithm::Sha512)).await;
    append(&mut writer, &bytes.slice(..50_000)).await;
    let state = writer.pause().await.unwrap();
    let mut writer = blobs.resume(key, state).await;
    append(&mut writer, &bytes.slice(50_000..)).await;
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    assert_stored(writer.finish(digest).await, bytes.len());
}

/// A PUT names sha512 where the POST said nothing.
pub async fn another_algorithm_may_be_named_at_the_end(blobs: &Blobs) {
    let bytes = bytes(100_000);
    for (running, named) in [
        (Algorithm::Sha256, Algorithm::Sha512),
        (Algorithm::Sha512, Algorithm::Sha256),
    ] {
        let key = fresh();
        let mut writer = blobs.resume(key, WriteState::new(running)).await;
        append(&mut writer, &bytes).await;
        assert_stored(writer.finish(Digest::of(named, &bytes)).await, bytes.len());
        assert_eq!(read_all(blobs, key, bytes.len()).await, bytes);
    }
}

/// What the bytes are is said in the algorithm that was named.
pub async fn a_mismatch_of_another_algorithm_leaves_nothing(blobs: &Blobs) {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes(1000)).await;
    let finished = writer.finish(Digest::of(Algorithm::Sha512, b"other")).await;
    assert_mismatch(finished, Digest::of(Algorithm::Sha512, &bytes(1000)));
    blobs.assert_nothing(key).await;
}

/// The second one's bytes are the object's, all of them and no others.
pub async fn a_second_writer_fences_the_first(blobs: &Blobs) {
    let expected = bytes(100_000);
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &expected.slice(..50_000)).await;
    let state = writer.pause().await.unwrap();

    let mut first = blobs.resume(key, state.clone()).await;
    append(&mut first, &Bytes::from(vec![1; 10])).await;
    let mut second = blobs.resume(key, state).await;
    append(&mut second, &expected.slice(50_000..75_000)).await;
    // It may find out now or at its end.
    let _ = first.append(Bytes::from(vec![2; 60_000])).await;
    assert_fails!(first.finish(Digest::sha256(b"")).await, Conflict);
    append(&mut second, &expected.slice(75_000..)).await;
    assert_stored(
        second.finish(Digest::sha256(&expected)).await,
        expected.len(),
    );
    assert_eq!(read_all(blobs, key, expected.len()).await, expected);
}

/// Its state would be a lie.
pub async fn a_fenced_writer_cannot_pause(blobs: &Blobs) {
    let key = fresh();
    let mut first = blobs.writer(key).await;
    append(&mut first, &bytes(1000)).await;
    let second = blobs.writer(key).await;
    assert_fails!(first.pause().await.map(drop), Conflict);
    assert_stored(second.finish(Digest::sha256(b"")).await, 0);
}

/// All at once.
pub async fn writers_of_different_keys_do_not_disturb_each_other(blobs: &Blobs) {
    let contents: Vec<Bytes> = (0..RUNNERS as u64)
        .map(|runner| seeded_bytes(runner, 0..MIB as u64 + 1))
        .collect();
    let keys = race(|runner| {
        let (blobs, bytes) = (blobs.clone(), contents[runner].clone());
        async move { blobs.make(&bytes).await }
    })
    .await;
    for (key, bytes) in keys.into_iter().zip(contents) {
        assert!(
            read_all(blobs, key, bytes.len()).await == bytes,
            "the bytes differ"
        );
    }
}

/// As soon as the call returned.
pub async fn a_put_object_has_its_bytes(blobs: &Blobs) {
    let key = fresh();
    blobs.store.put(key, bytes(50_000)).await.unwrap();
    assert_eq!(blobs.store.size(key).await.unwrap(), Some(50_000));
    assert_eq!(read_all(blobs, key, 50_000).await, bytes(50_000));
}

/// It is an object.
pub async fn an_empty_object_can_be_put(blobs: &Blobs) {
    let key = fresh();
    blobs.store.put(key, Bytes::new()).await.unwrap();
    assert_eq!(blobs.store.size(key).await.unwrap(), Some(0));
}

/// However it was stored.
pub async fn a_deleted_object_is_gone_and_others_stay(blobs: &Blobs) {
    let written = blobs.make(&bytes(1000)).await;
    let put = fresh();
    blobs.store.put(put, bytes(1000)).await.unwrap();
    let kept = blobs.make(&bytes(1000)).await;
    for key in [written, put] {
        blobs.store.delete(&[key]).await.unwrap();
        blobs.assert_nothing(key).await;
    }
    assert_eq!(read_all(blobs, kept, 1000).await, bytes(1000));
}

/// A job may run twice.
pub async fn deleting_an_object_that_is_not_there_is_no_error(blobs: &Blobs) {
    let key = blobs.make(&bytes(1000)).await;
    for _ in 0..2 {
        blobs.store.delete(&[key]).await.unwrap();
    }
    blobs.store.delete(&[fresh()]).await.unwrap();
}

/// A cancelled upload's.
pub async fn an_unfinished_object_can_be_deleted(blobs: &Blobs) {
    let key = fresh();
    let mut writer = blobs.writer(key).await;
    append(&mut writer, &bytes(1000)).await;
    let state = writer.pause().await.unwrap();
    blobs.store.delete(&[key]).await.unwrap();
    assert_cannot_go_on(blobs, key, state).await;
}

/// Finished, unfinished and unknown ones, and one twice.
pub async fn up_to_1000_objects_are_deleted_at_once(blobs: &Blobs) {
    let kept = blobs.make(&bytes(1000)).await;
    let unfinished = fresh();
    let mut writer = blobs.writer(unfinished).await;
    append(&mut writer, &bytes(1000)).await;
    let state = writer.pause().await.unwrap();
    let mut keys = vec![unfinished];
    for _ in 0..100 {
        let key = fresh();
        blobs.store.put(key, bytes(10)).await.unwrap();
        keys.push(key);
    }
    keys.push(keys[1]);
    keys.resize_with(1000, fresh);
    blobs.store.delete(&keys).await.unwrap();
    for key in keys {
        assert_eq!(blobs.store.size(key).await.unwrap(), None);
    }
    assert_cannot_go_on(blobs, unfinished, state).await;
    assert_eq!(read_all(blobs, kept, 1000).await, bytes(1000));
    blobs.store.delete(&[]).await.unwrap();
}
