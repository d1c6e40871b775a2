//! What an upstream did not have a moment ago.

use std::time::Duration;

use berth_oci::RepositoryName;
use berth_ports::UpstreamError;
use jiff::Timestamp;

use crate::recent::Recent;

/// Recent 404s, by repository and tag or digest.
#[derive(Debug, Default)]
pub(super) struct Absences(Recent<(RepositoryName, String), UpstreamError>);

impl Absences {
    /// The answer of the upstream if it is not older than `freshness`.
    pub(super) fn recall(
        &self,
        repository: &RepositoryName,
        what: &str,
        now: Timestamp,
        freshness: Duration,
    ) -> Result<(), UpstreamError> {
        let key = (repository.clone(), what.to_owned());
        match self.0.get(&key, now - freshness) {
            // Not one from before the clock was put back.
            Some((at, error)) if at <= now && now < at + freshness => Err(error),
            _ => Ok(()),
        }
    }

    /// Remembers an answer if it says that there is no such thing.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        what: &str,
        now: Timestamp,
        freshness: Duration,
        error: &UpstreamError,
    ) {
        if matches!(error, UpstreamError::Status { status: 404, .. }) {
            let key = (repository.clone(), what.to_owned());
            self.0.put(key, now, error.clone(), now - freshness);
        }
    }
}
