//! Bytes that clients put into the store themselves.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::ObjectKey;
use berth_oci::Digest;

use crate::StoreResult;

/// What the store itself says of an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attested {
    /// How many there are.
    pub size: u64,
    /// Their SHA-256, computed by the store.
    pub digest: Digest,
}

/// A place beside the objects where clients can put the bytes of a blob without
/// sending them through this process. Nothing there is ever served.
///
/// # Contract
/// - What is staged for a key goes away with
///   [`BlobStore::delete`](crate::BlobStore::delete) of that key. A client may
///   go on for a while and stage it again; the store throws that away by itself
///   within days.
/// - What is staged may change at any moment until then: only an adopted copy
///   is an object.
#[async_trait]
pub trait Staging: Debug + Send + Sync + 'static {
    /// Whether clients may be sent here at all. Where they may not, nothing is
    /// staged and nobody need look.
    fn is_open(&self) -> bool;

    /// An address at which a client can put, for a while, exactly `length`
    /// bytes that it says have this digest, which nobody checks there. `None`
    /// where that was not found to work with this store, or not for so many.
    async fn offer(
        &self,
        key: ObjectKey,
        digest: Digest,
        length: u64,
    ) -> StoreResult<Option<String>>;

    /// How many bytes are staged; `None` if none are (yet).
    async fn staged(&self, key: ObjectKey, digest: Digest) -> StoreResult<Option<u64>>;

    /// Copies what is staged to `object`, a fresh key: finished and durable
    /// once this returns, and from then on out of the client's reach. The store
    /// computes the digest of what it copied.
    /// [`StoreError::NotFound`](crate::StoreError::NotFound) if nothing is
    /// staged any more.
    async fn adopt(
        &self,
        key: ObjectKey,
        digest: Digest,
        object: ObjectKey,
    ) -> StoreResult<Attested>;
}

/// Where clients send all bytes through us.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStaging;

#[async_trait]
impl Staging for NoStaging {
    fn is_open(&self) -> bool {
        false
    }

    async fn offer(&self, _: ObjectKey, _: Digest, _: u64) -> StoreResult<Option<String>> {
        Ok(None)
    }

    async fn staged(&self, _: ObjectKey, _: Digest) -> StoreResult<Option<u64>> {
        Ok(None)
    }

    async fn adopt(&self, key: ObjectKey, _: Digest, _: ObjectKey) -> StoreResult<Attested> {
        Err(crate::StoreError::NotFound(format!("object {key}")))
    }
}
