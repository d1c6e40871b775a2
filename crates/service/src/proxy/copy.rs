//! What this instance has of a blob on its way, for its own clients, where the
//! store shows no unfinished object.

use std::sync::Arc;

use berth_domain::LeaseId;
use berth_oci::{Digest, Hasher};
use berth_ports::{Growing, Spool, StoreResult};
use bytes::Bytes;

use crate::service::Service;

/// How much is read at once when the bytes are hashed.
const CHUNK: usize = 128 * 1024;

/// A copy in a spool; there may be none.
#[derive(Debug, Default)]
pub(super) struct Copy {
    spool: Option<Box<dyn Spool>>,
    /// Whose bytes are in it: those of the holder of this lease,
    from: Option<LeaseId>,
    /// or of several, of whom each verified its own at most.
    is_mixed: bool,
}

impl Copy {
    /// Begins a copy if there is none. Without one clients wait until the blob
    /// is stored.
    pub(super) async fn begin(&mut self, service: &Service) {
        if self.spool.is_some() {
            return;
        }
        *self = Self::default();
        match service.ports.spools.open().await {
            Ok(spool) => self.spool = Some(spool),
            Err(error) => tracing::warn!(%error, "blobs on their way cannot be followed here"),
        }
    }

    /// Says whose bytes will come.
    pub(super) fn comes_from(&mut self, holder: LeaseId) {
        let is_empty = self.length().is_none_or(|length| length == 0);
        self.is_mixed |= !is_empty && self.from != Some(holder);
        self.from = Some(holder);
    }

    /// How many bytes it has; `None` if there is none.
    pub(super) fn length(&self) -> Option<u64> {
        self.spool.as_ref().map(|spool| spool.length())
    }

    /// What clients read.
    pub(super) fn view(&self) -> Option<Arc<dyn Growing>> {
        self.spool.as_ref().map(|spool| spool.view())
    }

    /// Adds bytes. If that fails there is no copy any more: who reads it is cut
    /// off, and finds the blob in the store later.
    pub(super) async fn append(&mut self, bytes: Bytes) {
        if let Some(spool) = &mut self.spool
            && let Err(error) = spool.append(bytes).await
        {
            tracing::warn!(%error, "a blob on its way cannot be kept for those who follow it");
            self.spool = None;
        }
    }

    /// Whether these are the bytes of `digest`, after the last holder has
    /// verified what it has. Looked at only where others added to them.
    pub(super) async fn is(&mut self, digest: Digest) -> StoreResult<bool> {
        let Some(view) = self.view().filter(|_| self.is_mixed) else {
            return Ok(true);
        };
        let mut hash = Hasher::new(digest.algorithm());
        let mut offset = 0;
        while offset < view.readable() {
            let bytes = view.read_at(offset, CHUNK).await?;
            hash.update(&bytes);
            offset += bytes.len() as u64;
        }
        Ok(hash.finish() == digest)
    }
}
