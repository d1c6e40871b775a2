//! Reading a file while it is written.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use berth_domain::ObjectKey;
use berth_ports::{Growing, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;

use super::io::blocking;
use super::{cached, read_into};

/// The most that is read at once, in bytes.
const LIMIT: u64 = 256 * 1024;

/// A file that a writer of this process appends to. Its handle stays open, so
/// it outlives renames and deletion.
#[derive(Debug)]
pub(super) struct GrowingFile {
    key: ObjectKey,
    /// There once something is readable.
    file: Arc<OnceLock<File>>,
    /// Closed when the writer is gone.
    readable: watch::Receiver<u64>,
}

impl GrowingFile {
    pub(super) const fn new(
        key: ObjectKey,
        file: Arc<OnceLock<File>>,
        readable: watch::Receiver<u64>,
    ) -> Self {
        Self {
            key,
            file,
            readable,
        }
    }
}

#[async_trait]
impl Growing for GrowingFile {
    fn readable(&self) -> u64 {
        *self.readable.borrow()
    }

    async fn wait_beyond(&self, offset: u64) -> u64 {
        let mut receiver = self.readable.clone();
        // An error says that the writer is gone: what is readable is all.
        let _ = receiver.wait_for(|readable| *readable > offset).await;
        *receiver.borrow()
    }

    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes> {
        let left = self.readable().saturating_sub(offset).min(LIMIT);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(limit);
        let Some(file) = self.file.get().filter(|_| length > 0) else {
            return Ok(Bytes::new());
        };
        // What was written a moment ago is in memory, as a rule.
        let mut bytes = vec![0; length];
        if let Some(length) = cached::read_at(file, &mut bytes, offset) {
            bytes.truncate(length);
            return Ok(bytes.into());
        }
        let (key, file) = (self.key, Arc::clone(&self.file));
        blocking(move || {
            if let Some(file) = file.get() {
                read_into(file, key, offset, &mut bytes)?;
            }
            Ok(bytes.into())
        })
        .await
    }
}
