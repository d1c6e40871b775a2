//! The ports' contracts over the adapters of this crate.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::future::ready;
use std::sync::Arc;

use berth_store_local::{DataFolder, FileBlobs, SqliteStore};
use berth_testkit::{Blobs, ManualClock, Stores};
use jiff::Timestamp;

fn stores() -> Stores {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let folder = DataFolder::open(directory.path()).unwrap();
    let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
    let store = SqliteStore::open(&lock, clock.clone()).unwrap();
    Stores::of(Arc::new(store), clock).keeping((directory, lock))
}

fn blobs() -> Blobs {
    let directory = tempfile::tempdir().unwrap();
    Blobs::of(FileBlobs::open(directory.path()).unwrap()).keeping(directory)
}

berth_testkit::metadata_suites!(ready(stores()));
berth_testkit::blob_suites!(ready(blobs()));
