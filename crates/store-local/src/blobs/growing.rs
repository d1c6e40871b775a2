//! Reading a file while it is written.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use berth_domain::ObjectKey;
use berth_ports::{Growing, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;

use super::buffers::{self, Buffers};
use super::io::blocking;
use super::{cached, read_into};

/// A file that a writer of this process appends to. Its handle stays open, so
/// it outlives renames and deletion.
#[derive(Debug)]
pub(super) struct GrowingFile {
    key: ObjectKey,
    /// There once something is readable.
    file: Arc<OnceLock<Arc<File>>>,
    /// Closed when the writer is gone.
    readable: watch::Receiver<u64>,
    buffers: Buffers,
}

impl GrowingFile {
    pub(super) const fn new(
        key: ObjectKey,
        file: Arc<OnceLock<Arc<File>>>,
        readable: watch::Receiver<u64>,
        buffers: Buffers,
    ) -> Self {
        Self {
            key,
            file,
            readable,
            buffers,
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

    fn file(&self) -> Option<Arc<File>> {
        self.file.get().cloned()
    }

    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes> {
        let left = self.readable().saturating_sub(offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let length = left.min(limit).min(buffers::LENGTH);
        let Some(file) = self.file.get().filter(|_| length > 0) else {
            return Ok(Bytes::new());
        };
        // What was written a moment ago is in memory, as a rule.
        let mut buffer = self.buffers.take();
        if let Some(length) = cached::read_at(file, &mut buffer[..length], offset) {
            return Ok(buffer.freeze(length));
        }
        let (key, file) = (self.key, Arc::clone(&self.file));
        blocking(move || {
            let Some(file) = file.get() else {
                return Ok(Bytes::new());
            };
            read_into(file, key, offset, &mut buffer[..length])?;
            Ok(buffer.freeze(length))
        })
        .await
    }
}
