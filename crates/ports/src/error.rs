//! How a store fails, by what its caller can do about it.

use std::error::Error;

/// The failure of a port that keeps something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such record or object. The text names it.
    #[error("{0} does not exist")]
    NotFound(String),
    /// A record that was to be new is there already. The text names it.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// What the write expected did not hold: read again, then try again.
    #[error("{0} was changed by another request")]
    Conflict(String),
    /// Something still depends on what was to be deleted.
    #[error("{0} is still in use")]
    InUse(String),
    /// The place is full: nothing was written.
    #[error("the store has no space left, free some or enlarge it")]
    Full,
    /// The store does not answer now; the same call may succeed later.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored cannot be what was written. The text says what and where.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Wraps a store's own failure as one that may pass.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// The result of a port that keeps something.
pub type StoreResult<T> = Result<T, StoreError>;
