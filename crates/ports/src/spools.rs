//! Bytes on their way that somebody on this machine reads already.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Growing, StoreResult};

/// Where an object's bytes are kept for readers while a store that shows no
/// unfinished object takes them.
#[async_trait]
pub trait Spools: Debug + Send + Sync + 'static {
    /// A new, empty spool. `Unavailable` where this machine keeps none.
    async fn open(&self) -> StoreResult<Box<dyn Spool>>;
}

/// A growing copy of an object. Dropped, nothing more will come; its bytes are
/// gone when the last view is dropped too, or with the process.
#[async_trait]
pub trait Spool: Debug + Send {
    /// How many bytes it has.
    fn length(&self) -> u64;

    /// Adds bytes at the end: readable once it returns. After an error nothing
    /// more can be added.
    async fn append(&mut self, bytes: Bytes) -> StoreResult<()>;

    /// What a reader reads.
    fn view(&self) -> Arc<dyn Growing>;
}
