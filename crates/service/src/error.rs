//! How a use case fails, by what the client is to be told.

use berth_oci::Digest;
use berth_ports::{SecretError, StoreError, UpstreamError};

/// The failure of a use case. The API crates map each to a status and a code,
/// in one file per API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such blob in this repository.
    #[error("blob {0} is not in this repository")]
    BlobUnknown(Digest),
    /// No such upload session, or it has ended.
    #[error("the upload session is not known, start a new one")]
    UploadUnknown,
    /// The session cannot take this request.
    #[error("{0}")]
    UploadInvalid(String),
    /// A chunk does not begin where the upload stands.
    #[error("the chunk does not begin at offset {offset}, where the upload stands")]
    RangeInvalid {
        /// Bytes received so far.
        offset: u64,
    },
    /// Bytes and digest do not belong together, or the digest is malformed.
    #[error("{0}")]
    DigestInvalid(String),
    /// The body has another length than announced.
    #[error("{0}")]
    SizeInvalid(String),
    /// No such manifest in this repository.
    #[error("manifest {0} is not in this repository")]
    ManifestUnknown(String),
    /// The manifest is not one.
    #[error("{0}")]
    ManifestInvalid(String),
    /// A manifest names blobs or children that are not in the repository.
    #[error("the manifest names what is not in this repository, push it first")]
    ManifestBlobUnknown(Vec<Digest>),
    /// No such repository, or its name has no project.
    #[error("repository {0} is not known")]
    NameUnknown(String),
    /// The operation is not offered.
    #[error("{0}")]
    Unsupported(String),
    /// A body is over its limit.
    #[error("{0}")]
    TooLarge(String),
    /// A login is needed, or the one given is wrong.
    #[error("authentication is required")]
    Unauthorized,
    /// The principal may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The request makes no sense. The text says what is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// What the request names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It exists already, or was changed meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done in the present state.
    #[error("{0}")]
    PreconditionFailed(String),
    /// Too many failed logins.
    #[error("too many failed logins, try again in {seconds} s")]
    SlowDown {
        /// When to try again.
        seconds: u64,
    },
    /// Too much is being fetched from upstreams.
    #[error("too much is being fetched from upstreams, try again shortly")]
    Busy,
    /// The upstream of a proxy project failed and nothing is held.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Cryptography failed.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;
