//! What an upstream did not have a moment ago.

use std::time::Duration;

use berth_oci::RepositoryName;
use berth_ports::UpstreamError;
use jiff::Timestamp;
use moka::sync::Cache;

const CAPACITY: u64 = 10_000;

type Key = (RepositoryName, String);

/// Recent 404s, by repository and tag or digest.
#[derive(Debug)]
pub(super) struct Absences(Cache<Key, (Timestamp, UpstreamError)>);

impl Default for Absences {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

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
        match self.0.get(&key) {
            Some((at, error)) if now.duration_since(at).unsigned_abs() < freshness => Err(error),
            _ => Ok(()),
        }
    }

    /// Remembers an answer if it says that there is no such thing.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        what: &str,
        now: Timestamp,
        error: &UpstreamError,
    ) {
        if matches!(error, UpstreamError::Status { status: 404, .. }) {
            self.0
                .insert((repository.clone(), what.to_owned()), (now, error.clone()));
        }
    }
}
