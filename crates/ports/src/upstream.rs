//! Other registries.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use berth_domain::Remote;
use berth_oci::{Digest, Reference};
use bytes::Bytes;
use futures_core::Stream;

/// Why an upstream gave no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// It answered with an error of its own, to be passed on.
    #[error("upstream answered {status}")]
    Status {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// The message of its error body, if it had one; bounded.
        message: String,
        /// Its `Retry-After`, as sent.
        retry_after: Option<String>,
    },
    /// It did not answer: name, connection, TLS, or cut off.
    #[error("upstream cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("upstream did not answer in time")]
    Timeout,
    /// It answered with what no registry may answer. The text says what.
    #[error("upstream answered nonsense: {0}")]
    Invalid(String),
    /// It sent us where we do not go. The text says where.
    #[error("upstream sent us to a refused address: {0}")]
    Refused(String),
}

/// The result of a call upstream.
pub type UpstreamResult<T> = Result<T, UpstreamError>;

/// What an upstream says of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestDescription {
    /// Its `Docker-Content-Digest`, if it sent one.
    pub digest: Option<Digest>,
    /// Its `Content-Type`, without parameters.
    pub media_type: Option<String>,
    /// Its `Content-Length`.
    pub size: Option<u64>,
}

/// A manifest from upstream, bytes as received.
#[derive(Clone, Debug)]
pub struct FetchedManifest {
    /// Its `Content-Type`, without parameters.
    pub media_type: Option<String>,
    /// Its `Docker-Content-Digest`, not verified.
    pub digest: Option<Digest>,
    /// Its bytes, at most 4 MiB.
    pub bytes: Bytes,
}

/// A stream of a blob's bytes from upstream.
pub type UpstreamStream = Pin<Box<dyn Stream<Item = UpstreamResult<Bytes>> + Send>>;

/// A blob on its way from upstream.
pub struct FetchedBlob {
    /// The offset of the first byte: the one asked for, or 0 where the
    /// upstream ignores Range.
    pub start: u64,
    /// The whole blob's size, if the upstream said it.
    pub size: Option<u64>,
    /// The bytes.
    pub stream: UpstreamStream,
}

/// Other registries, read as a client of theirs.
///
/// # Contract
/// Tokens are obtained, cached and renewed inside. Redirects are followed,
/// without credentials to another host. Bodies are asked for unencoded.
/// Nothing is verified against a digest: the caller does that. `name` is the
/// upstream's own name of the repository; it need not be a valid one of ours.
#[async_trait]
pub trait Upstream: Debug + Send + Sync + 'static {
    /// Asks whether the registry is there and takes the login.
    async fn ping(&self, remote: &Remote) -> UpstreamResult<()>;

    /// HEAD of a manifest, all of it within `deadline`.
    async fn head_manifest(
        &self,
        remote: &Remote,
        name: &str,
        reference: &Reference,
        deadline: Duration,
    ) -> UpstreamResult<ManifestDescription>;

    /// GET of a manifest.
    async fn get_manifest(
        &self,
        remote: &Remote,
        name: &str,
        reference: &Reference,
    ) -> UpstreamResult<FetchedManifest>;

    /// HEAD of a blob: its size, if the upstream says it.
    async fn head_blob(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
    ) -> UpstreamResult<Option<u64>>;

    /// GET of a blob from `offset` on. The stream fails when the upstream
    /// breaks off or is silent too long.
    async fn get_blob(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
        offset: u64,
    ) -> UpstreamResult<FetchedBlob>;

    /// One page of a repository's tags behind `last`, and whether there are
    /// more.
    async fn list_tags(
        &self,
        remote: &Remote,
        name: &str,
        last: Option<&str>,
        limit: usize,
    ) -> UpstreamResult<(Vec<String>, bool)>;

    /// The referrers of a manifest: the raw index, at most 4 MiB; `None` where
    /// the upstream has no referrers API.
    async fn referrers(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
    ) -> UpstreamResult<Option<Bytes>>;
}
