//! The ports' contracts over the adapters of this crate.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::future::ready;
use std::sync::Arc;

use berth_store_local::{DataFolder, FileBlobs, FolderLock, SqliteStore};
use berth_testkit::{Blobs, ManualClock, Queue, Stores};
use jiff::Timestamp;
use tempfile::TempDir;

/// A store in a folder of its own, its clock, and what must outlive it.
fn sqlite() -> (Arc<SqliteStore>, Arc<ManualClock>, (TempDir, FolderLock)) {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let folder = DataFolder::open(directory.path()).unwrap();
    let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
    let store = SqliteStore::open(&lock, clock.clone()).unwrap();
    (Arc::new(store), clock, (directory, lock))
}

fn stores() -> Stores {
    let (store, clock, guard) = sqlite();
    Stores::of(store, clock).keeping(guard)
}

fn queue() -> Queue {
    let (store, clock, guard) = sqlite();
    Queue::of(store, clock).keeping(guard)
}

fn blobs() -> Blobs {
    let directory = tempfile::tempdir().unwrap();
    Blobs::of(FileBlobs::open(directory.path()).unwrap()).keeping(directory)
}

berth_testkit::metadata_suites!(ready(stores()));
berth_testkit::queue_suite!(ready(queue()));
berth_testkit::blob_suites!(ready(blobs()));
