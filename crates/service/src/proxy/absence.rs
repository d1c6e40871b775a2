//! What an upstream did not have a moment ago.

use std::time::Duration;

use berth_oci::{Digest, Reference, RepositoryName};
use berth_ports::UpstreamError;
use jiff::Timestamp;

use crate::recent::Recent;

/// What an upstream is asked for. A digest that is no manifest may be a blob.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Manifest(Reference),
    Blob(Digest),
}

/// Recent 404s.
#[derive(Debug, Default)]
pub(super) struct Absences(Recent<(RepositoryName, Asked), UpstreamError>);

impl Absences {
    /// The answer of the upstream if it is not older than `freshness`.
    pub(super) fn recall(
        &self,
        repository: &RepositoryName,
        asked: Asked,
        now: Timestamp,
        freshness: Duration,
    ) -> Result<(), UpstreamError> {
        match self.0.get(&(repository.clone(), asked), now - freshness) {
            // Not one from before the clock was put back.
            Some((at, error)) if at <= now && now < at + freshness => Err(error),
            _ => Ok(()),
        }
    }

    /// Remembers an answer if it says that there is no such thing.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        asked: Asked,
        now: Timestamp,
        freshness: Duration,
        error: &UpstreamError,
    ) {
        if matches!(error, UpstreamError::Status { status: 404, .. }) {
            let key = (repository.clone(), asked);
            self.0.put(key, now, error.clone(), now - freshness);
        }
    }
}
