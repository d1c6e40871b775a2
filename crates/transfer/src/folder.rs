//! The folder of an export.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use berth_oci::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::counts::Counts;
use crate::error::{Result, TransferError};

pub(crate) use blobs::NotStored;
pub(crate) use lines::{LineReader, LineWriter};

mod blobs;
mod lines;

/// The form in which this program writes and reads.
pub(crate) const FORMAT: u32 = 1;

const HEAD: &str = "berth-export.json";
const LOCK: &str = "lock";
const RECORDS: &str = "records";
const BLOBS: &str = "blobs";

/// What an export holds; its presence says that it is whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The version of the program that wrote it.
    pub(crate) berth: String,
    /// When it was written.
    pub(crate) exported_at: Timestamp,
    /// How much there is.
    pub(crate) counts: Counts,
    /// Numbers that the store has given out or may have, by sequence.
    pub(crate) sequences: BTreeMap<String, i64>,
    /// The files of records, by kind.
    pub(crate) records: BTreeMap<String, Digest>,
}

/// What all forms have.
#[derive(Deserialize)]
struct AnyHead {
    format: u32,
}

/// The folder, held against other exports and imports.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: Option<File>,
}

impl Folder {
    /// The folder to write to, made if it is not there. What it held is no
    /// whole export any more.
    pub(crate) async fn create(path: &Path) -> Result<Self> {
        let make = || {
            for folder in [RECORDS, BLOBS] {
                private_folders().create(path.join(folder))?;
            }
            let mut options = File::options();
            options.write(true).create(true).truncate(false).mode(0o600);
            options.open(path.join(LOCK))
        };
        let lock = make().map_err(at(path))?;
        locked(path, lock.try_lock())?;
        let folder = Self {
            path: path.to_owned(),
            _lock: Some(lock),
        };
        let head = folder.path.join(HEAD);
        match fs::remove_file(&head).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&head)(error)),
            _ => Ok(folder),
        }
    }

    /// A folder to read from. It is not changed, so it may be one that cannot
    /// be.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let lock = match File::open(path.join(LOCK)) {
            Ok(lock) => Some(lock),
            // A copy need not have it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(path)(error)),
        };
        if let Some(lock) = &lock {
            locked(path, lock.try_lock_shared())?;
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// What the export holds. Each file of records is as it was written.
    pub(crate) async fn head(&self) -> Result<Head> {
        let path = self.path.join(HEAD);
        let text = match fs::read(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(TransferError::Unfinished(self.path.clone()));
            }
            text => text.map_err(at(&path))?,
        };
        let damaged = |error: serde_json::Error| TransferError::Damaged {
            path: path.clone(),
            what: error.to_string(),
        };
        let AnyHead { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format != FORMAT {
            return Err(TransferError::Format(format));
        }
        let head: Head = serde_json::from_slice(&text).map_err(damaged)?;
        for (kind, digest) in &head.records {
            self.verify_records(kind, *digest).await?;
        }
        Ok(head)
    }

    /// Makes the export whole. All of it is durable then.
    pub(crate) async fn finish(&self, head: &Head) -> Result<()> {
        let path = self.path.join(HEAD);
        let partial = path.with_extension("partial");
        let mut text =
            serde_json::to_vec_pretty(head).map_err(|error| at(&path)(io::Error::other(error)))?;
        text.push(b'\n');
        let write = async || {
            self.sync_blob_folders().await?;
            sync(&self.path.join(RECORDS)).await?;
            let mut file = new_file(&partial).await?;
            file.write_all(&text).await?;
            file.sync_all().await?;
            fs::rename(&partial, &path).await?;
            sync(&self.path).await
        };
        write().await.map_err(at(&path))
    }
}

impl Folder {
    /// The error for a head that says what cannot be.
    pub(crate) fn damaged_head(&self, what: String) -> TransferError {
        TransferError::Damaged {
            path: self.path.join(HEAD),
            what,
        }
    }
}

/// The failure at a path.
fn at(path: &Path) -> impl Fn(io::Error) -> TransferError {
    move |source| TransferError::Io {
        path: path.to_owned(),
        source,
    }
}

fn locked(path: &Path, lock: std::result::Result<(), TryLockError>) -> Result<()> {
    match lock {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(TransferError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

/// Folders that only their owner may look into.
fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

/// A file that only its owner may read, empty.
async fn new_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).await
}

/// Makes a file, or the names in a folder, durable.
async fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path).await?.sync_all().await
}
