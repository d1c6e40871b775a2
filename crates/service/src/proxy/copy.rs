//! What this instance has of a blob on its way, for its own clients, where the
//! store shows no unfinished object.

use std::sync::Arc;

use berth_domain::{LeaseId, ObjectKey};
use berth_oci::{Digest, Hasher};
use berth_ports::{BlobStore, Growing, Span, Spool, StoreResult};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::service::Service;

/// How much is read at once when the bytes are hashed.
const CHUNK: usize = 128 * 1024;

/// A copy in a spool; there may be none.
#[derive(Debug, Default)]
pub(super) struct Copy {
    spool: Option<Box<dyn Spool>>,
    /// Whose bytes are in it: those of the holder of this lease,
    from: Option<LeaseId>,
    /// or some that no holder verified as they are here.
    is_mixed: bool,
    /// Whether all is here and verified.
    is_whole: bool,
    /// Whether there was a spool that is lost.
    is_lost: bool,
    /// The blob's size, as clients were told.
    size: Option<u64>,
}

impl Copy {
    /// Begins a copy if there never was one. Without one clients wait until the
    /// blob is stored.
    pub(super) async fn begin(&mut self, service: &Service) {
        if self.spool.is_some() || self.is_lost {
            return;
        }
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

    /// Says that what comes next is not all that the holder verifies.
    pub(super) const fn mix(&mut self) {
        self.is_mixed = true;
    }

    /// Notes the blob's size as somebody says it; `false` if clients were told
    /// another.
    pub(super) fn agrees(&mut self, size: Option<u64>) -> bool {
        let differs = size.is_some() && self.size.is_some() && size != self.size;
        self.size = self.size.or(size);
        !differs
    }

    /// The blob's size, if anybody said it.
    pub(super) const fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes it has; `None` if there is none.
    pub(super) fn length(&self) -> Option<u64> {
        self.spool.as_ref().map(|spool| spool.length())
    }

    /// Whether there was one that could not be kept: nobody may read it to its
    /// end.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
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
            self.is_lost = true;
        }
    }

    /// Whether these are the bytes of `digest`, after the last holder has
    /// verified what it has. They are read again only where that says too
    /// little of them.
    pub(super) async fn verify(&mut self, digest: Digest) -> StoreResult<bool> {
        if let Some(view) = self.view().filter(|_| self.is_mixed)
            && hash(&*view, digest).await? != digest
        {
            return Ok(false);
        }
        self.is_whole = self.spool.is_some();
        Ok(true)
    }

    /// Completes it with bytes of the blob, which is stored by now, for those
    /// who read it still. Whether they may read to its end.
    pub(super) async fn settle(
        &mut self,
        blobs: &dyn BlobStore,
        (key, size): (ObjectKey, u64),
        digest: Digest,
    ) -> StoreResult<bool> {
        let Some(start) = self.length().filter(|_| !self.is_whole) else {
            return Ok(!self.is_lost);
        };
        if start > size {
            return Ok(false);
        }
        let rest = Span { start, end: size };
        let mut stream = blobs.stream(key, size, rest).await?;
        while let Some(bytes) = stream.next().await {
            self.append(bytes?).await;
        }
        self.is_mixed = true;
        Ok(self.length() == Some(size) && self.verify(digest).await?)
    }
}

async fn hash(view: &dyn Growing, digest: Digest) -> StoreResult<Digest> {
    let mut hash = Hasher::new(digest.algorithm());
    let mut offset = 0;
    while offset < view.readable() {
        let bytes = view.read_at(offset, CHUNK).await?;
        hash.update(&bytes);
        offset += bytes.len() as u64;
    }
    Ok(hash.finish())
}
