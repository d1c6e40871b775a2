//! What a pull is answered with, held here or on its way from upstream.

use std::sync::Arc;

use berth_domain::ObjectKey;
use berth_oci::Digest;
use berth_ports::{Access, BlobStore, Span};
use bytes::Bytes;

use crate::error::Result;
use crate::proxy::Filling;

/// A manifest for a client.
#[derive(Clone, Debug)]
pub struct ServedManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes; `None` for a HEAD.
    pub bytes: Option<Bytes>,
    /// Whether its tag could not be confirmed upstream: the answer carries a
    /// `Warning` then.
    pub stale: bool,
}

/// A blob for a client: held, or growing while it comes from upstream.
#[derive(Clone, Debug)]
pub struct BlobHandle {
    /// Its size in bytes.
    pub size: u64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Held {
        blobs: Arc<dyn BlobStore>,
        key: ObjectKey,
    },
    Filling(Filling),
}

impl BlobHandle {
    /// A blob that is an object of the store.
    pub(crate) const fn held(blobs: Arc<dyn BlobStore>, key: ObjectKey, size: u64) -> Self {
        Self {
            size,
            source: Source::Held { blobs, key },
        }
    }

    /// A blob that is being fetched.
    pub(crate) const fn filling(filling: Filling, size: u64) -> Self {
        Self {
            size,
            source: Source::Filling(filling),
        }
    }

    /// Gives access to a part of it, by an address of the store only if that is
    /// `safe` to send the client to. A stream of a blob that is being fetched
    /// ends with an error, never complete, if its bytes turn out to be wrong.
    pub async fn open(&self, span: Span, safe: &(dyn Fn(&str) -> bool + Sync)) -> Result<Access> {
        match &self.source {
            Source::Held { blobs, key } => match blobs.read(*key, self.size, span).await? {
                Access::Redirect(address) if !safe(&address) => {
                    let stream = blobs.stream(*key, self.size, span).await?;
                    Ok(Access::Stream(stream))
                }
                access => Ok(access),
            },
            Source::Filling(filling) => filling.open(span).await,
        }
    }
}
