//! How a job fails, by what is to become of it.

use std::time::Duration;

use berth_service::Error;

/// The failure of a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// It may succeed later.
    #[error("{reason}")]
    Retry {
        /// How long to wait; `None`: longer each time.
        after: Option<Duration>,
        /// Why it did not succeed now.
        reason: String,
    },
    /// It will never succeed: a dead letter.
    #[error("{0}")]
    Permanent(String),
}

/// Stores and upstreams come back; a job whose failure does not pass ends as a
/// dead letter by its number of attempts.
impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Retry {
            after: None,
            reason: error.to_string(),
        }
    }
}
