//! What blobs as files promise beyond the contract of a blob store.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use berth_domain::{FreshId, ObjectKey, WriteState};
use berth_oci::{Algorithm, Digest};
use berth_ports::{BlobStore, BlobWriter, Finished, Growing, Span, StoreError};
use berth_store_local::FileBlobs;
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// A store in a folder of its own.
struct Store {
    dir: TempDir,
    blobs: FileBlobs,
}

impl Store {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path()).unwrap();
        Self { dir, blobs }
    }

    fn uploads(&self) -> PathBuf {
        self.dir.path().join("uploads")
    }

    fn finished(&self, key: ObjectKey) -> PathBuf {
        let name = key.to_string();
        self.dir.path().join("blobs").join(&name[30..]).join(&name)
    }

    /// The whole object; it must be there.
    async fn bytes(&self, key: ObjectKey, size: usize) -> Vec<u8> {
        self.span(key, size, 0..size).await.unwrap()
    }

    async fn span(
        &self,
        key: ObjectKey,
        size: usize,
        span: std::ops::Range<usize>,
    ) -> Result<Vec<u8>, StoreError> {
        let span = Span {
            start: span.start as u64,
            end: span.end as u64,
        };
        let stream = self.blobs.stream(key, size as u64, span).await?;
        stream
            .try_fold(Vec::new(), async |all, part| {
                Ok([all, part.to_vec()].concat())
            })
            .await
    }
}

fn key(number: u128) -> ObjectKey {
    FreshId(number << 64 | number).into()
}

fn fresh() -> WriteState {
    WriteState::new(Algorithm::Sha256)
}

/// Bytes that differ everywhere, and by `seed`.
fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next)
        .flatten()
        .take(length)
        .collect()
}

fn files(dir: &Path) -> usize {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

async fn written(blobs: &FileBlobs, key: ObjectKey, bytes: Bytes) -> Box<dyn BlobWriter> {
    let mut writer = blobs.write(key, fresh()).await.unwrap();
    writer.append(bytes).await.unwrap();
    writer
}

#[tokio::test]
async fn an_object_has_its_name_only_when_it_is_whole() {
    let store = Store::new();
    let bytes = noise(1, 3 * MIB);
    let mut writer = written(&store.blobs, key(1), bytes.clone()).await;
    let growing = writer.follow().unwrap();
    growing.wait_beyond(MIB as u64).await;
    assert!(!store.finished(key(1)).exists());
    assert_eq!(store.blobs.size(key(1)).await.unwrap(), None);
    assert!(matches!(
        store.span(key(1), bytes.len(), 0..1).await,
        Err(StoreError::NotFound(_))
    ));
    writer.finish(Digest::sha256(&bytes)).await.unwrap();
    assert_eq!(fs::read(store.finished(key(1))).unwrap(), bytes);
    assert_eq!(files(&store.uploads()), 0);
}

#[tokio::test]
async fn only_the_owner_may_read_what_is_stored() {
    let store = Store::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    store.blobs.put(key(1), noise(1, 10)).await.unwrap();
    let unfinished = written(&store.blobs, key(2), noise(2, 10)).await;
    unfinished.pause().await.unwrap();
    assert_eq!(mode(&store.finished(key(1))), 0o600);
    assert_eq!(mode(&store.uploads().join(key(2).to_string())), 0o600);
    for folder in [
        store.uploads(),
        store.dir.path().join("blobs"),
        store.dir.path().join("blobs/07"),
    ] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn a_folder_is_made_with_all_its_parents() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/c");
    for _ in 0..2 {
        let blobs = FileBlobs::open(&path).unwrap();
        blobs.put(key(1), noise(1, 10)).await.unwrap();
    }
    assert_eq!(files(&path), 1);
}

#[tokio::test]
async fn any_sizes_of_appends_make_the_same_object() {
    let store = Store::new();
    let bytes = noise(7, 5 * MIB + 123);
    for (number, part) in (1..).zip([1000, 64 * 1024, 512 * 1024, 512 * 1024 + 1, 6 * MIB]) {
        let mut writer = store.blobs.write(key(number), fresh()).await.unwrap();
        for part in bytes.chunks(part) {
            writer.append(bytes.slice_ref(part)).await.unwrap();
        }
        assert_eq!(writer.offset(), bytes.len() as u64);
        let finished = writer.finish(Digest::sha256(&bytes)).await.unwrap();
        assert!(matches!(finished, Finished::Stored { size } if size == bytes.len() as u64));
        assert_eq!(
            store.bytes(key(number), bytes.len()).await,
            bytes,
            "parts of {part}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_are_lost_however_appends_and_writes_follow_each_other() {
    let store = Store::new();
    let bytes = noise(3, MIB);
    for number in 1..=100 {
        let mut writer = store.blobs.write(key(number), fresh()).await.unwrap();
        for part in bytes.chunks(20_000 + 1_000 * usize::try_from(number).unwrap()) {
            writer.append(bytes.slice_ref(part)).await.unwrap();
            // Now and then the writing thread has nothing left to do.
            if (part.as_ptr() as usize).is_multiple_of(3) {
                writer.digest().await.unwrap();
            }
        }
        let finished = writer.finish(Digest::sha256(&bytes)).await.unwrap();
        assert!(matches!(finished, Finished::Stored { .. }), "{finished:?}");
    }
}

#[tokio::test]
async fn an_append_that_is_given_up_leaves_a_writer_that_knows_where_it_is() {
    let store = Store::new();
    let bytes = noise(1, 8 * MIB);
    let mut writer = store.blobs.write(key(1), fresh()).await.unwrap();
    assert!(
        writer.append(bytes.clone()).now_or_never().is_none(),
        "it has to wait"
    );
    let taken = bytes.slice(..usize::try_from(writer.offset()).unwrap());
    assert!(taken.len() < bytes.len());
    let state = writer.pause().await.unwrap();
    assert_eq!(state.offset, taken.len() as u64);
    let mut writer = store.blobs.write(key(1), state).await.unwrap();
    writer.append(bytes.slice(taken.len()..)).await.unwrap();
    let finished = writer.finish(Digest::sha256(&bytes)).await.unwrap();
    assert!(matches!(finished, Finished::Stored { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_fenced_writer_lands_behind_the_one_that_took_over() {
    let store = Store::new();
    for round in 1..=20 {
        let head = noise(round, 700_000);
        let state = written(&store.blobs, key(1), head.clone())
            .await
            .pause()
            .await
            .unwrap();
        let mut first = store.blobs.write(key(1), state.clone()).await.unwrap();
        let growing = first.follow().unwrap();
        let before = growing.readable();
        let flood = tokio::spawn(async move {
            let wrong = Bytes::from(vec![0xff; 300_000]);
            loop {
                if let Err(error) = first.append(wrong.clone()).await {
                    return (first, error);
                }
            }
        });
        growing.wait_beyond(before).await;
        let mut second = store.blobs.write(key(1), state).await.unwrap();
        let tail = noise(round + 100, 900_000);
        for part in tail.chunks(50_000) {
            second.append(tail.slice_ref(part)).await.unwrap();
        }
        let (mut first, error) = flood.await.unwrap();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        let again = first.append(head.clone()).await.unwrap_err();
        assert!(matches!(again, StoreError::Conflict(_)), "{again}");
        assert!(matches!(first.pause().await, Err(StoreError::Conflict(_))));
        let whole = [head, tail].concat();
        let finished = second.finish(Digest::sha256(&whole)).await.unwrap();
        assert!(
            matches!(finished, Finished::Stored { .. }),
            "round {round}: {finished:?}"
        );
        assert_eq!(
            store.bytes(key(1), whole.len()).await,
            whole,
            "round {round}"
        );
        store.blobs.delete(&[key(1)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_fenced_writer_can_neither_pause_nor_finish() {
    let store = Store::new();
    let bytes = noise(1, 1000);
    for finish in [true, false] {
        let first = written(&store.blobs, key(1), bytes.clone()).await;
        let second = written(&store.blobs, key(1), bytes.clone()).await;
        let error = if finish {
            first.finish(Digest::sha256(&bytes)).await.unwrap_err()
        } else {
            first.pause().await.unwrap_err()
        };
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        second.pause().await.unwrap();
    }
    assert_eq!(store.blobs.size(key(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_dropped_writer_writes_nothing_behind_its_successor() {
    let store = Store::new();
    for round in 1..=20 {
        let mut first = store.blobs.write(key(1), fresh()).await.unwrap();
        let _ = first.append(noise(round, 4 * MIB)).now_or_never();
        drop(first);
        let bytes = noise(round + 100, 100_000);
        let second = written(&store.blobs, key(1), bytes.clone()).await;
        second.finish(Digest::sha256(&bytes)).await.unwrap();
        assert_eq!(store.bytes(key(1), bytes.len()).await, bytes);
        store.blobs.delete(&[key(1)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_object_is_not_published_by_who_still_writes_it() {
    let store = Store::new();
    let bytes = noise(1, 1000);
    let writer = written(&store.blobs, key(1), bytes.clone()).await;
    store.blobs.delete(&[key(1)]).await.unwrap();
    let error = writer.finish(Digest::sha256(&bytes)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(files(store.dir.path()), 0);
}

#[tokio::test]
async fn what_a_crash_left_behind_can_be_resumed_or_deleted() {
    let store = Store::new();
    let bytes = noise(1, 2 * MIB);
    let head = bytes.slice(..MIB);
    let state = written(&store.blobs, key(1), head)
        .await
        .pause()
        .await
        .unwrap();
    // Bytes behind the last pause, and an upload that never paused.
    let mut lost = store.blobs.write(key(1), state.clone()).await.unwrap();
    lost.append(noise(9, 300_000)).await.unwrap();
    let growing = lost.follow().unwrap();
    growing.wait_beyond(state.offset).await;
    let _never_paused = written(&store.blobs, key(2), noise(2, MIB)).await;
    // Another process knows nothing of these writers.
    let blobs = FileBlobs::open(store.dir.path()).unwrap();
    drop(lost);
    let mut writer = blobs.write(key(1), state).await.unwrap();
    writer.append(bytes.slice(MIB..)).await.unwrap();
    let finished = writer.finish(Digest::sha256(&bytes)).await.unwrap();
    assert!(matches!(finished, Finished::Stored { size } if size == bytes.len() as u64));
    blobs.delete(&[key(2)]).await.unwrap();
    assert_eq!(files(&store.uploads()), 0);
}

#[tokio::test]
async fn an_upload_that_lost_bytes_is_not_resumed() {
    let store = Store::new();
    let state = written(&store.blobs, key(1), noise(1, 1000))
        .await
        .pause()
        .await
        .unwrap();
    let path = store.uploads().join(key(1).to_string());
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(999)
        .unwrap();
    let resumed = store.blobs.write(key(1), state.clone()).await;
    assert!(matches!(resumed, Err(StoreError::Corrupt(_))));
    fs::remove_file(&path).unwrap();
    let resumed = store.blobs.write(key(1), state.clone()).await;
    assert!(matches!(resumed, Err(StoreError::NotFound(_))));
    let newer = WriteState {
        progress: vec![99],
        ..state
    };
    let resumed = store.blobs.write(key(1), newer).await;
    assert!(matches!(resumed, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_writer_that_is_only_opened_leaves_no_file() {
    let store = Store::new();
    let writer = store.blobs.write(key(1), fresh()).await.unwrap();
    drop(writer);
    assert_eq!(files(store.dir.path()), 0);
    assert_eq!(store.blobs.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn bytes_of_an_earlier_run_are_gone_on_with_only_if_they_are_the_same() {
    let store = Store::new();
    let bytes = noise(1, 2000);
    let state = written(&store.blobs, key(1), bytes.slice(..1000))
        .await
        .pause()
        .await
        .unwrap();
    assert_eq!(store.blobs.unfinished().await.unwrap(), [key(1)]);
    let later = FileBlobs::open(store.dir.path()).unwrap();
    let mut writer = later.write(key(1), state.clone()).await.unwrap();
    writer.append(bytes.slice(1000..)).await.unwrap();
    let progress = writer.pause().await.unwrap();
    // As a power loss may leave it: nothing in its place, or less of it.
    for length in [2000, 10] {
        let path = store.uploads().join(key(1).to_string());
        fs::write(path, vec![0; length]).unwrap();
        let latest = FileBlobs::open(store.dir.path()).unwrap();
        let resumed = latest.write(key(1), progress.clone()).await;
        assert!(matches!(resumed, Err(StoreError::NotFound(_))));
    }
}

#[tokio::test]
async fn a_flushed_write_goes_on_and_its_digest_is_known() {
    let store = Store::new();
    let bytes = noise(1, 700_000);
    let mut writer = written(&store.blobs, key(1), bytes.slice(..300_000)).await;
    writer.flush().await.unwrap();
    writer.append(bytes.slice(300_000..)).await.unwrap();
    assert_eq!(writer.digest().await.unwrap(), Digest::sha256(&bytes));
    writer.flush().await.unwrap();
    let finished = writer.finish(Digest::sha256(&bytes)).await.unwrap();
    assert!(matches!(finished, Finished::Stored { size: 700_000 }));
    assert_eq!(store.bytes(key(1), bytes.len()).await, bytes);
}

#[tokio::test]
async fn a_finished_object_that_lost_bytes_is_never_silently_short() {
    let store = Store::new();
    let bytes = noise(1, 3 * MIB);
    store.blobs.put(key(1), bytes.clone()).await.unwrap();
    let span = Span {
        start: 0,
        end: bytes.len() as u64,
    };
    let mut stream = store
        .blobs
        .stream(key(1), bytes.len() as u64, span)
        .await
        .unwrap();
    let file = fs::File::options()
        .write(true)
        .open(store.finished(key(1)))
        .unwrap();
    file.set_len(2 * MIB as u64).unwrap();
    let mut received = 0;
    let error = loop {
        match stream.try_next().await {
            Ok(Some(part)) => received += part.len(),
            Ok(None) => panic!("ended after {received} bytes"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert!(
        stream.try_next().await.unwrap().is_none(),
        "it ends with the error"
    );
    let opened = store.span(key(1), bytes.len(), 0..10).await;
    assert!(matches!(opened, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_span_is_exactly_what_was_asked_for() {
    let store = Store::new();
    let size = MIB + 17;
    let bytes = noise(3, size);
    store.blobs.put(key(1), bytes.clone()).await.unwrap();
    let chunk = 256 * 1024;
    for span in [
        0..0,
        0..1,
        5..5,
        0..chunk,
        0..chunk + 1,
        chunk - 1..chunk + 1,
        chunk..3 * chunk,
        size - 1..size,
        size..size,
        0..size,
    ] {
        let read = store.span(key(1), size, span.clone()).await.unwrap();
        assert_eq!(read, bytes[span.clone()], "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_reads_what_is_written_until_the_writer_is_gone() {
    let store = Store::new();
    let bytes = noise(1, 5 * MIB);
    let mut writer = store.blobs.write(key(1), fresh()).await.unwrap();
    let growing = writer.follow().unwrap();
    let follower = tokio::spawn(follow(growing));
    for part in bytes.chunks(100_000) {
        writer.append(bytes.slice_ref(part)).await.unwrap();
    }
    writer.finish(Digest::sha256(&bytes)).await.unwrap();
    assert_eq!(follower.await.unwrap(), bytes);
}

/// Everything that can be read until nothing more comes.
async fn follow(growing: Arc<dyn Growing>) -> Vec<u8> {
    let mut read = Vec::new();
    while growing.wait_beyond(read.len() as u64).await > read.len() as u64 {
        read.extend(growing.read_at(read.len() as u64, 70_000).await.unwrap());
    }
    read
}

#[tokio::test]
async fn a_follower_is_told_of_every_end_and_reads_on_after_deletion() {
    let store = Store::new();
    let bytes = noise(1, 100_000);
    let mut paused = written(&store.blobs, key(1), bytes.clone()).await;
    let growing = paused.follow().unwrap();
    paused.pause().await.unwrap();
    assert_eq!(growing.wait_beyond(1 << 40).await, 100_000);
    store.blobs.delete(&[key(1)]).await.unwrap();
    assert_eq!(
        growing.read_at(99_990, 1000).await.unwrap(),
        bytes[99_990..]
    );
    assert!(growing.read_at(100_000, 1000).await.unwrap().is_empty());

    let mut dropped = written(&store.blobs, key(2), bytes.clone()).await;
    let growing = dropped.follow().unwrap();
    drop(dropped);
    assert_eq!(follow(growing).await, bytes);

    let mut refused = written(&store.blobs, key(3), bytes.clone()).await;
    let growing = refused.follow().unwrap();
    refused
        .finish(Digest::sha256(b"something else"))
        .await
        .unwrap();
    assert_eq!(follow(growing).await, bytes);
}

#[tokio::test]
async fn a_digest_of_the_other_algorithm_is_computed_from_the_file() {
    let store = Store::new();
    let bytes = noise(1, 2 * MIB + 5);
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    let writer = written(&store.blobs, key(1), bytes.clone()).await;
    assert!(matches!(
        writer.finish(digest).await.unwrap(),
        Finished::Stored { .. }
    ));
    let writer = written(&store.blobs, key(2), bytes.slice(1..)).await;
    let Finished::Mismatch { actual } = writer.finish(digest).await.unwrap() else {
        panic!("it was taken for something else");
    };
    assert_eq!(actual, Digest::of(Algorithm::Sha512, &bytes[1..]));
    assert_eq!(files(store.dir.path()), 1);
}

/// A file system of `size` bytes, unmounted at the end; `None` where none can be
/// mounted.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(dir.path());
        mount
            .output()
            .is_ok_and(|output| output.status.success())
            .then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_as_such_and_deleting_makes_room() {
    let Some(disk) = SmallDisk::new(4 * MIB) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    let blobs = FileBlobs::open(disk.0.path()).unwrap();
    let bytes = noise(1, 8 * MIB);
    let mut writer = blobs.write(key(1), fresh()).await.unwrap();
    let appended = writer.append(bytes.clone()).await;
    assert!(matches!(appended, Err(StoreError::Full)), "{appended:?}");
    assert!(
        writer.append(bytes.slice(..1)).await.is_err(),
        "it stays unusable"
    );
    assert!(writer.pause().await.is_err());
    assert!(matches!(
        blobs.put(key(2), bytes.clone()).await,
        Err(StoreError::Full)
    ));
    assert_eq!(blobs.size(key(2)).await.unwrap(), None);
    blobs.delete(&[key(1)]).await.unwrap();
    // The room is there once the thread that wrote has let go of the file.
    let small = bytes.slice(..3 * MIB);
    while let Err(error) = blobs.put(key(3), small.clone()).await {
        assert!(matches!(error, StoreError::Full), "{error:?}");
    }
    assert_eq!(files(disk.0.path()), 1);
}
