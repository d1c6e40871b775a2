//! Bytes that are read while they arrive, in files without names.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use berth_ports::{Growing, Spool, Spools, StoreError, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task;

/// How many bytes a view reads at once, at most.
const READ: usize = 128 * 1024;

/// Spools as files of a folder whose names are gone before they have a byte:
/// however the process ends, nothing of them stays.
#[derive(Clone, Debug)]
pub struct TempSpools {
    folder: PathBuf,
}

impl TempSpools {
    /// Spools in this folder. It should have room for all that is on its way
    /// at once.
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }
}

impl Default for TempSpools {
    /// Spools in the folder that the system has for temporary files.
    fn default() -> Self {
        Self::of(env::temp_dir())
    }
}

#[async_trait]
impl Spools for TempSpools {
    async fn open(&self) -> StoreResult<Box<dyn Spool>> {
        let folder = self.folder.clone();
        let file = blocking(move || tempfile::tempfile_in(folder)).await?;
        Ok(Box::new(FileSpool::on(file)))
    }
}

#[derive(Debug)]
struct FileSpool {
    file: Arc<File>,
    /// Closed when the spool is dropped.
    readable: watch::Sender<u64>,
    /// Not after an error, nor while a write is under way: one whose caller
    /// went away may go on.
    is_sound: bool,
}

impl FileSpool {
    fn on(file: File) -> Self {
        Self {
            file: Arc::new(file),
            readable: watch::Sender::new(0),
            is_sound: true,
        }
    }
}

#[async_trait]
impl Spool for FileSpool {
    fn length(&self) -> u64 {
        *self.readable.borrow()
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        if !self.is_sound {
            let reason = "an earlier write of this spool failed";
            return Err(StoreError::unavailable(reason));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let (file, offset) = (Arc::clone(&self.file), self.length());
        let end = offset + bytes.len() as u64;
        self.is_sound = false;
        blocking(move || file.write_all_at(&bytes, offset)).await?;
        self.is_sound = true;
        self.readable.send_replace(end);
        Ok(())
    }

    fn view(&self) -> Arc<dyn Growing> {
        Arc::new(GrowingFile {
            file: Arc::clone(&self.file),
            readable: self.readable.subscribe(),
        })
    }
}

/// A view of a spool. Its handle keeps the bytes.
#[derive(Debug)]
struct GrowingFile {
    file: Arc<File>,
    readable: watch::Receiver<u64>,
}

#[async_trait]
impl Growing for GrowingFile {
    fn readable(&self) -> u64 {
        *self.readable.borrow()
    }

    async fn wait_beyond(&self, offset: u64) -> u64 {
        let mut receiver = self.readable.clone();
        // An error says that the spool is gone: what is readable is all.
        let _ = receiver.wait_for(|readable| *readable > offset).await;
        self.readable()
    }

    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes> {
        let left = self.readable().saturating_sub(offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let length = left.min(limit).min(READ);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, offset)?;
            Ok(buffer.into())
        })
        .await
    }

    fn file(&self) -> Option<Arc<File>> {
        (self.readable() > 0).then(|| Arc::clone(&self.file))
    }
}

/// Does something with files where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> StoreResult<T> {
    let done = task::spawn_blocking(work).await;
    done.map_err(StoreError::unavailable)?
        .map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::unavailable(error),
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_spool_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = TempSpools::of(folder.path()).open().await.unwrap();
        spool.append(Bytes::from_static(b"some")).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(spool.view().read_at(0, 10).await.unwrap(), "some");
    }

    #[tokio::test]
    async fn the_readable_bytes_are_those_of_its_file() {
        let mut spool = TempSpools::default().open().await.unwrap();
        let view = spool.view();
        assert!(view.file().is_none());
        spool.append(Bytes::from_static(b"some")).await.unwrap();
        let mut read = [0; 4];
        let file = view.file().unwrap();
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"some");
    }

    #[tokio::test]
    async fn without_its_folder_there_are_no_spools() {
        let folder = tempfile::tempdir().unwrap();
        let spools = TempSpools::of(folder.path().join("none"));
        let opened = spools.open().await;
        assert!(
            matches!(opened, Err(StoreError::Unavailable(_))),
            "{opened:?}"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_said_and_ends_the_spool() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut spool = FileSpool::on(full);
        let view = spool.view();
        let appended = spool.append(Bytes::from_static(b"some")).await;
        assert!(matches!(appended, Err(StoreError::Full)), "{appended:?}");
        let appended = spool.append(Bytes::from_static(b"more")).await;
        assert!(
            matches!(appended, Err(StoreError::Unavailable(_))),
            "{appended:?}"
        );
        assert_eq!((spool.length(), view.readable()), (0, 0));
    }
}
