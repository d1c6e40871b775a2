//! Room that is kept free: what deletes, and all that is small, can still be
//! written when no more is taken in.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use berth_ports::{StoreError, StoreResult};
use rusqlite::Connection;
use rustix::fs::{StatVfs, fstatvfs, statvfs};

/// The most that is kept free, in bytes.
const RESERVE: u64 = 64 << 20;

/// The part of a small disk that is kept free.
const PART: u64 = 8;

/// [`StoreError::Full`] unless the disk that a database is on takes more in.
pub(crate) fn check_database(database: &Connection) -> StoreResult<()> {
    // One in memory has no path.
    match database.path() {
        None | Some("") => Ok(()),
        Some(path) => has_room(&statvfs(path).map_err(unavailable)?),
    }
}

/// [`StoreError::Full`] unless the disk that a file is on takes more in.
pub(crate) fn check_file(file: impl AsFd) -> StoreResult<()> {
    has_room(&fstatvfs(file).map_err(unavailable)?)
}

/// [`StoreError::Full`] unless the disk that a folder is on takes more in.
pub(crate) fn check_folder(path: &Path) -> StoreResult<()> {
    has_room(&statvfs(path).map_err(unavailable)?)
}

fn unavailable(error: rustix::io::Errno) -> StoreError {
    StoreError::unavailable(io::Error::from(error))
}

fn has_room(disk: &StatVfs) -> StoreResult<()> {
    // Some file systems do not say how large they are.
    let reserve = RESERVE.min(disk.f_blocks.saturating_mul(disk.f_frsize) / PART);
    if disk.f_bavail.saturating_mul(disk.f_frsize) < reserve {
        return Err(StoreError::Full);
    }
    Ok(())
}
