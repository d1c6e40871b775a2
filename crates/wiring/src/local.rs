//! One machine: files and SQLite in the data folder.

use std::path::Path;
use std::sync::Arc;

use berth_host::{SealingKey, SystemClock};
use berth_ports::{Clock as _, Finding, NoStaging};
use berth_settings::{Listen, Settings};
use berth_store_local::{DataFolder, FileBlobs, FolderLock, SqliteStore};

use crate::wired::Neighbourhood;
use crate::{Wired, WiringError};

/// The file of the sealing key in the data folder.
const SEALING_KEY: &str = "seal.key";

pub(crate) fn serve(settings: &Settings) -> Result<Wired, WiringError> {
    let folder = DataFolder::open(&settings.data)?;
    let listen: Vec<_> = settings.listen.iter().map(Listen::to_string).collect();
    let lock = folder.lock(SystemClock.now(), &listen.join(", "))?;
    let key = sealing_key(&folder)?;
    let store = SqliteStore::open(&lock, Arc::new(SystemClock))?;
    wire(folder.path(), &key, store, Some(lock))
}

pub(crate) fn attach(settings: &Settings) -> Result<Wired, WiringError> {
    let folder = DataFolder::existing(&settings.data)?;
    let key = sealing_key(&folder)?;
    let store = SqliteStore::open_beside(&folder, Arc::new(SystemClock))?;
    wire(folder.path(), &key, store, None)
}

/// Probes the data folder and its database.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    DataFolder::check(&settings.data)
}

/// The key of the folder's secrets. It is made before the database, so where
/// there is a database it is not made anew: a new one could read nothing.
fn sealing_key(folder: &DataFolder) -> Result<SealingKey, WiringError> {
    let path = folder.path().join(SEALING_KEY);
    Ok(if folder.has_database() {
        SealingKey::load(&path)?
    } else {
        SealingKey::load_or_create(&path)?
    })
}

fn wire(
    folder: &Path,
    key: &SealingKey,
    store: SqliteStore,
    lock: Option<FolderLock>,
) -> Result<Wired, WiringError> {
    let blobs = Arc::new(FileBlobs::open(folder)?);
    let store = Arc::new(store);
    let lock = lock.map(|lock| Box::new(lock) as _);
    let alone = Neighbourhood::default();
    let objects = (blobs as _, Arc::new(NoStaging) as _);
    Wired::over(store.clone(), store, objects, key, alone, lock)
}
