//! The file that one writer writes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;

use super::fences::Fence;
use super::io::store_error;
use super::layout::{Layout, parent, remove_file, sync_folder};
use super::{FileBlobs, read_exactly, write_back};
use crate::space;

/// How much is read at once when a file is hashed again.
const REREAD: u64 = 1 << 20;

/// How many slices the system takes at once (`IOV_MAX`).
const MAX_SLICES: usize = 1024;

/// An unfinished object's file, in the hands of one writer. Every call blocks.
///
/// Opening changes nothing on the disk, because whoever opens it may learn
/// that it should not have: a fresh file is made, and what is behind the
/// offset is cut off, by the first write.
#[derive(Debug)]
pub(super) struct Target {
    file: Arc<OnceLock<Arc<File>>>,
    fence: Fence,
    layout: Arc<Layout>,
    unfinished: PathBuf,
    /// Where the writer goes on.
    start: u64,
    /// Whether the file has been cut there.
    cut: AtomicBool,
    /// Whether all that was written is on the disk.
    synced: AtomicBool,
    /// Up to where the system was asked to write to the disk.
    on_its_way: AtomicU64,
}

impl Target {
    /// Takes an object over from any earlier writer, to go on after `state`.
    /// `NotFound` if there is no unfinished object to go on with (one that is
    /// finished is durable then), or a power loss took some of its bytes; `Corrupt` if it has fewer for no such
    /// reason.
    pub(super) fn open(store: &FileBlobs, key: ObjectKey, state: &WriteState) -> StoreResult<Self> {
        let target = Self {
            file: Arc::default(),
            fence: store.fences.claim(key),
            layout: Arc::clone(&store.layout),
            unfinished: store.layout.unfinished(key),
            start: state.offset,
            cut: AtomicBool::new(false),
            synced: AtomicBool::new(false),
            on_its_way: AtomicU64::new(state.offset),
        };
        let kept = store.run.kept(key, &state.progress)?;
        if state.offset > 0 {
            target.fence.guarded(|| target.open_again())?;
            target.check_bytes(state, kept)?;
        }
        Ok(target)
    }

    /// A fresh object, to be written whole.
    pub(super) fn fresh(store: &FileBlobs, key: ObjectKey) -> StoreResult<Self> {
        Self::open(store, key, &WriteState::new(Algorithm::default()))
    }

    /// The object's key.
    pub(super) const fn key(&self) -> ObjectKey {
        self.fence.key()
    }

    /// The open file, readable whatever becomes of its name; none before the
    /// first write.
    pub(super) fn file(&self) -> Arc<OnceLock<Arc<File>>> {
        Arc::clone(&self.file)
    }

    /// `Conflict` if a later writer has taken the object over.
    pub(super) fn check(&self) -> StoreResult<()> {
        self.fence.guarded(|| Ok(()))
    }

    /// Makes the file if it is fresh.
    pub(super) fn make(&self) -> StoreResult<()> {
        self.fence.guarded(|| self.opened().map(|_| ()))
    }

    /// Writes `pieces` at `offset`, one behind the other.
    pub(super) fn write(&self, offset: u64, pieces: &[Bytes]) -> StoreResult<()> {
        if pieces.iter().all(Bytes::is_empty) {
            return self.check();
        }
        self.fence.guarded(|| {
            let file = self.opened()?;
            space::check_file(file)?;
            self.synced.store(false, Ordering::Relaxed);
            write_all(file, offset, pieces).map_err(store_error)
        })
    }

    /// Has what was written up to `end` go to the disk while more comes in.
    pub(super) fn write_back(&self, end: u64) {
        if let Some(file) = self.file.get() {
            let begun = self.on_its_way.load(Ordering::Relaxed);
            let begun = write_back::begin(file, begun, end);
            self.on_its_way.store(begun, Ordering::Relaxed);
        }
    }

    /// The digest of the first `length` bytes, read again.
    pub(super) fn digest(&self, algorithm: Algorithm, length: u64) -> StoreResult<Digest> {
        let file = self.fence.guarded(|| self.opened())?;
        digest(file, self.key(), algorithm, length)
    }

    /// Makes what was written survive a power loss; its unfinished name need
    /// not.
    pub(super) fn sync(&self) -> StoreResult<()> {
        if self.synced.load(Ordering::Relaxed) {
            return Ok(());
        }
        let file = self.fence.guarded(|| self.opened())?;
        // A writer has one call at a time: nothing is written meanwhile.
        if let Err(error) = file.sync_data() {
            // The kernel forgets what it could not write, and the next sync
            // succeeds without it: nobody may go on from here.
            let _ = self.discard();
            return Err(store_error(error));
        }
        self.synced.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the object readable, and bytes and name survive a power loss.
    pub(super) fn publish(&self) -> StoreResult<()> {
        self.sync()?;
        let finished = self.layout.finished(self.key());
        self.fence.guarded(|| {
            fs::rename(&self.unfinished, &finished).map_err(store_error)?;
            sync_folder(parent(&finished)).map_err(store_error)
        })
    }

    /// Deletes the unfinished object.
    pub(super) fn discard(&self) -> StoreResult<()> {
        self.fence.guarded(|| remove_file(&self.unfinished))
    }

    /// Opens what an earlier writer wrote.
    fn open_again(&self) -> StoreResult<()> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(&self.unfinished);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::NotFound => absent(&self.layout, self.key()),
            _ => store_error(error),
        })?;
        self.file.get_or_init(|| Arc::new(file));
        Ok(())
    }

    /// The file, made if it is fresh, and without what was never recorded.
    /// Under the fence.
    fn opened(&self) -> StoreResult<&File> {
        let file = if let Some(file) = self.file.get() {
            file
        } else {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).mode(0o600);
            let file = options.truncate(true).open(&self.unfinished);
            let file = file.map_err(store_error)?;
            self.file.get_or_init(|| Arc::new(file))
        };
        if !self.cut.load(Ordering::Relaxed) {
            if file.metadata().map_err(store_error)?.len() > self.start {
                file.set_len(self.start).map_err(store_error)?;
            }
            self.cut.store(true, Ordering::Relaxed);
        }
        Ok(file)
    }

    /// The bytes before the start are there. Where they were never synced and
    /// another process wrote them, the machine may have lost power since: then
    /// they are hashed again.
    fn check_bytes(&self, state: &WriteState, kept: bool) -> StoreResult<()> {
        let Some(file) = self.file.get() else {
            return Ok(());
        };
        let (key, offset) = (self.key(), state.offset);
        let length = file.metadata().map_err(store_error)?.len();
        if length < offset && kept {
            return Err(StoreError::Corrupt(format!(
                "unfinished object {key} has {length} bytes, its record says {offset}"
            )));
        }
        let lost = || StoreError::NotFound(format!("all of object {key}"));
        if length < offset {
            return Err(lost());
        }
        if !kept
            && digest(file, key, state.hash.algorithm(), offset)? != state.hash.clone().finish()
        {
            return Err(lost());
        }
        Ok(())
    }
}

fn digest(file: &File, key: ObjectKey, algorithm: Algorithm, length: u64) -> StoreResult<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut offset = 0;
    while offset < length {
        let part = usize::try_from((length - offset).min(REREAD)).unwrap_or(usize::MAX);
        let bytes = read_exactly(file, key, offset, part)?;
        hasher.update(&bytes);
        offset += bytes.len() as u64;
    }
    Ok(hasher.finish())
}

/// Writes all at once where the system does: fewer and larger writes cost it less.
fn write_all(file: &File, mut offset: u64, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = &mut slices[..];
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match rustix::io::pwritev(file, &left[..left.len().min(MAX_SLICES)], offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use berth_domain::FreshId;

    use super::*;

    #[test]
    fn a_cut_that_failed_is_tried_again_by_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileBlobs::open(folder.path()).unwrap();
        let target = Target::fresh(&store, FreshId(1).into()).unwrap();
        fs::write(&target.unfinished, "never recorded").unwrap();
        // A file that is only read cannot be cut.
        let file = File::open(&target.unfinished).unwrap();
        target.file.set(Arc::new(file)).unwrap();
        for _ in 0..2 {
            assert!(target.make().is_err());
        }
    }
}
