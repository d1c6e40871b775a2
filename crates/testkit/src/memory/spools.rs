//! Spools in memory.

use std::sync::Arc;

use async_trait::async_trait;
use berth_ports::{Growing, Spool, Spools, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;

use super::growing::GrowingBytes;

/// [`Spools`] in one process's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemorySpools;

/// All that was added; closed when it is dropped.
#[derive(Debug, Default)]
struct MemorySpool(watch::Sender<Vec<u8>>);

#[async_trait]
impl Spools for MemorySpools {
    async fn open(&self) -> StoreResult<Box<dyn Spool>> {
        Ok(Box::<MemorySpool>::default())
    }
}

#[async_trait]
impl Spool for MemorySpool {
    fn length(&self) -> u64 {
        self.0.borrow().len() as u64
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        self.0.send_modify(|all| all.extend_from_slice(&bytes));
        Ok(())
    }

    fn view(&self) -> Arc<dyn Growing> {
        Arc::new(GrowingBytes(self.0.subscribe()))
    }
}
