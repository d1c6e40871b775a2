//! The file that one writer writes.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use berth_domain::ObjectKey;
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{StoreError, StoreResult};

use super::fences::{Fence, Fences};
use super::io::store_error;
use super::layout::{Layout, parent, remove_file, sync_folder};
use super::read_exactly;
use crate::space;

/// How much is read at once when a file is hashed again.
const REREAD: u64 = 1 << 20;

/// An unfinished object's file, in the hands of one writer. Every call blocks.
#[derive(Debug)]
pub(super) struct Target {
    file: Arc<File>,
    fence: Fence,
    layout: Arc<Layout>,
    unfinished: PathBuf,
    /// Whether no earlier writer has made the file's name durable.
    fresh: bool,
    /// Where to cut the file before the first write: bytes behind it were
    /// never recorded. Not when it is opened, because whoever opens it may
    /// learn that it should not have.
    cut: Mutex<Option<u64>>,
}

impl Target {
    /// Takes an object over from any earlier writer, to go on after `offset`
    /// bytes. Nothing changes before the first write. `NotFound` if there is no
    /// unfinished object to go on with (one that is finished is durable then),
    /// `Corrupt` if it has fewer bytes.
    pub(super) fn open(
        layout: &Arc<Layout>,
        fences: &Fences,
        key: ObjectKey,
        offset: u64,
    ) -> StoreResult<Self> {
        let fence = fences.claim(key);
        let unfinished = layout.unfinished(key);
        let fresh = offset == 0;
        let file = fence.guarded(|| {
            let mut options = OpenOptions::new();
            options
                .read(true)
                .write(true)
                .create(fresh)
                .truncate(false)
                .mode(0o600);
            let file = options
                .open(&unfinished)
                .map_err(|error| match error.kind() {
                    ErrorKind::NotFound if !fresh => absent(layout, key),
                    _ => store_error(error),
                })?;
            let length = file.metadata().map_err(store_error)?.len();
            if length < offset {
                return Err(StoreError::Corrupt(format!(
                    "unfinished object {key} has {length} bytes, its record says {offset}"
                )));
            }
            Ok((file, (length > offset).then_some(offset)))
        })?;
        let (file, cut) = file;
        Ok(Self {
            file: Arc::new(file),
            fence,
            layout: Arc::clone(layout),
            unfinished,
            fresh,
            cut: Mutex::new(cut),
        })
    }

    /// The object's key.
    pub(super) const fn key(&self) -> ObjectKey {
        self.fence.key()
    }

    /// The open file, readable whatever becomes of its name.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// `Conflict` if a later writer has taken the object over.
    pub(super) fn check(&self) -> StoreResult<()> {
        self.fence.guarded(|| Ok(()))
    }

    /// Writes `bytes` at `offset`. The first call drops what is behind the
    /// offset that the object was opened at.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> StoreResult<()> {
        self.fence.guarded(|| {
            space::check_file(&*self.file)?;
            if let Some(length) = self
                .cut
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
            {
                self.file.set_len(length).map_err(store_error)?;
            }
            self.file.write_all_at(bytes, offset).map_err(store_error)
        })
    }

    /// The digest of the first `length` bytes, read again.
    pub(super) fn digest(&self, algorithm: Algorithm, length: u64) -> StoreResult<Digest> {
        let mut hasher = Hasher::new(algorithm);
        let mut offset = 0;
        while offset < length {
            let part = usize::try_from((length - offset).min(REREAD)).unwrap_or(usize::MAX);
            let bytes = read_exactly(&self.file, self.key(), offset, part)?;
            hasher.update(&bytes);
            offset += bytes.len() as u64;
        }
        Ok(hasher.finish())
    }

    /// Makes what was written survive a power loss, under its unfinished name.
    pub(super) fn keep(&self) -> StoreResult<()> {
        self.file.sync_data().map_err(store_error)?;
        // A later writer may have cut the file meanwhile.
        self.fence.guarded(|| {
            if self.fresh {
                sync_folder(parent(&self.unfinished)).map_err(store_error)?;
            }
            Ok(())
        })
    }

    /// Makes the object readable, and bytes and name survive a power loss.
    pub(super) fn publish(&self) -> StoreResult<()> {
        let finished = self.layout.finished(self.key());
        self.file.sync_data().map_err(store_error)?;
        self.fence.guarded(|| {
            fs::rename(&self.unfinished, &finished).map_err(store_error)?;
            sync_folder(parent(&finished)).map_err(store_error)
        })
    }

    /// Deletes the unfinished object.
    pub(super) fn discard(&self) -> StoreResult<()> {
        self.fence.guarded(|| remove_file(&self.unfinished))
    }
}

/// Why an object cannot be gone on with. Whoever finished it may have failed, or
/// died, before its name was durable.
fn absent(layout: &Layout, key: ObjectKey) -> StoreError {
    let finished = layout.finished(key);
    if finished.exists()
        && let Err(error) = sync_folder(parent(&finished))
    {
        return store_error(error);
    }
    StoreError::NotFound(format!("object {key}"))
}
