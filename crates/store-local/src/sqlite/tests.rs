//! What the contracts of the ports do not say: batches, readers beside a
//! writer, several processes, damaged and foreign contents.

use std::sync::Arc;
use std::sync::mpsc;

use berth_domain::Sequence;
use berth_ports::{Sequences, StoreError, StoreResult};
use berth_testkit::ManualClock;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::SqliteStore;
use super::error::SqliteResult;
use super::statement::change;
use crate::{DataFolder, FolderLock};

mod batches;
mod contents;
mod leases;
mod opening;

/// A store in a folder of its own.
struct Subject {
    store: SqliteStore,
    clock: Arc<ManualClock>,
    lock: FolderLock,
    _directory: TempDir,
}

fn subject() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(directory.path()).unwrap();
    let lock = folder
        .lock(Timestamp::UNIX_EPOCH, "127.0.0.1:5000")
        .unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = SqliteStore::open(&lock, clock.clone()).unwrap();
    Subject {
        store,
        clock,
        lock,
        _directory: directory,
    }
}

/// Puts a row that [`read_row`] finds.
fn put_row(connection: &Connection, name: &str) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO sequences (name, last) VALUES (?1, 1)",
        [name],
    )?;
    Ok(())
}

async fn read_row(store: &SqliteStore, name: &'static str) -> bool {
    let sql = "SELECT 1 FROM sequences WHERE name = ?1";
    store
        .read(move |connection| super::statement::exists(connection, sql, [name]))
        .await
        .unwrap()
}
