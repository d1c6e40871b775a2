//! Why the ports cannot be set up.

use berth_host::SealingKeyError;
use berth_ports::{SecretError, StoreError};
use berth_store_local::OpenError;
use berth_upstream::TransportError;

/// The failure to set up a port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WiringError {
    /// The data folder or its database.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The folder of the blobs.
    #[error("the folder of the blobs cannot be used")]
    Blobs(#[from] StoreError),
    /// The sealing key.
    #[error(transparent)]
    SealingKey(#[from] SealingKeyError),
    /// Cryptography.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The client of other registries.
    #[error("the client of other registries cannot be set up")]
    Upstream(#[from] TransportError),
}
