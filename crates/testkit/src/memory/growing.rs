//! An object in memory while it is being written.

use async_trait::async_trait;
use berth_ports::{Growing, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;

/// What a writer has taken so far; it outlives the writer.
#[derive(Debug)]
pub(super) struct GrowingBytes(pub(super) watch::Receiver<Vec<u8>>);

#[async_trait]
impl Growing for GrowingBytes {
    fn readable(&self) -> u64 {
        self.0.borrow().len() as u64
    }

    async fn wait_beyond(&self, offset: u64) -> u64 {
        // An error says that the writer is gone: nothing more will come.
        let _ = self
            .0
            .clone()
            .wait_for(|bytes| bytes.len() as u64 > offset)
            .await;
        self.readable()
    }

    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes> {
        let bytes = self.0.borrow();
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = start.saturating_add(limit).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[start..end]))
    }
}
