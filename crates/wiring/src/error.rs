//! Why the ports cannot be set up.

use berth_host::SealingKeyError;
use berth_ports::SecretError;
#[cfg(any(feature = "local", feature = "aws"))]
use berth_ports::StoreError;
#[cfg(feature = "aws")]
use berth_store_aws::{KmsError, SecretsManagerError, TableError};
#[cfg(feature = "local")]
use berth_store_local::OpenError;
use berth_upstream::TransportError;

/// The failure to set up a port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WiringError {
    /// The data folder or its database.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The folder of the blobs.
    #[cfg(feature = "local")]
    #[error("the folder of the blobs cannot be used")]
    Blobs(#[from] StoreError),
    /// The table.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Table(#[from] TableError),
    /// The sealing key of KMS.
    #[cfg(feature = "aws")]
    #[error("sealing_key_kms gives no sealing key")]
    Kms(#[from] KmsError),
    /// The first administrator's password.
    #[cfg(feature = "aws")]
    #[error("admin_password_secret gives no password")]
    AdminPassword(#[from] SecretsManagerError),
    /// The bucket.
    #[cfg(feature = "aws")]
    #[error("the bucket cannot be made")]
    Bucket(#[source] StoreError),
    /// The queues.
    #[cfg(feature = "aws")]
    #[error("the queues cannot be made")]
    Queues(#[source] StoreError),
    /// The store of the settings was not built in.
    #[error("this program was built without store = {0}, build it with `--features {0}`")]
    Feature(&'static str),
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
