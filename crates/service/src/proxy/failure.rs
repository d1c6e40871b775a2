//! Failures that several requests share.

use std::sync::Arc;

use berth_ports::StoreError;

use crate::error::Error;

/// The failure of a piece of work that more than one request waits for.
#[derive(Clone, Debug)]
pub(super) struct Failure(Arc<Error>);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl Failure {
    /// The work ended without a result: its task died.
    pub(super) fn abandoned() -> Self {
        Error::Store(StoreError::unavailable(
            "the fetch from upstream was abandoned",
        ))
        .into()
    }

    /// The failure as one request sees it.
    pub(super) fn error(&self) -> Error {
        match &*self.0 {
            Error::Upstream(error) => Error::Upstream(error.clone()),
            Error::NameUnknown(name) => Error::NameUnknown(name.clone()),
            Error::NotFound(what) => Error::NotFound(what.clone()),
            _ => Error::Store(self.store_error()),
        }
    }

    /// The failure as the end of a stream.
    pub(super) fn store_error(&self) -> StoreError {
        match &*self.0 {
            Error::Store(StoreError::Full) => StoreError::Full,
            _ => StoreError::unavailable(Arc::clone(&self.0)),
        }
    }
}
