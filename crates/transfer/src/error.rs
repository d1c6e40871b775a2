//! Why an export or import stops.

use std::io;
use std::path::PathBuf;

use berth_oci::Digest;
use berth_ports::StoreError;

/// The failure of an export or import. What was done stays done, and the same
/// command goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A file or folder.
    #[error("{} cannot be used", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has the folder.
    #[error("{} is in use by another export or import", .0.display())]
    Locked(PathBuf),
    /// There is no finished export.
    #[error("{} holds no finished export, run `berth admin export` to its end", .0.display())]
    Unfinished(PathBuf),
    /// Another program wrote it.
    #[error("the export has format {0}, this program reads format {known}", known = crate::folder::FORMAT)]
    Format(u32),
    /// A file is not as it was written. The text says which and how.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// The bytes of a blob are not in the folder as they were.
    #[error("{} is damaged: {what}; delete it and export again", path.display())]
    DamagedBlob {
        /// Its file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// The sealing key cannot open a login.
    #[error(
        "the login of registry endpoint {} is sealed with another key: use the exported store's, or leave logins out",
        names.join(", ")
    )]
    Sealed {
        /// Whose.
        names: Vec<String>,
    },
    /// A use case failed at a record.
    #[error("{subject} cannot be imported")]
    Record {
        /// Which record.
        subject: String,
        /// Why.
        #[source]
        source: berth_service::Error,
    },
    /// A blob's bytes cannot be read from the store.
    #[error("blob {digest} cannot be read")]
    Blob {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A use case failed.
    #[error(transparent)]
    Service(#[from] berth_service::Error),
}

/// The result of an export or import.
pub type Result<T> = std::result::Result<T, TransferError>;
