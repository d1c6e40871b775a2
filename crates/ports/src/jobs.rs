//! The outbox and the job queue.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use berth_domain::{Envelope, JobId};
use jiff::Timestamp;

use crate::StoreResult;

/// Jobs written in the transaction of the change that causes them, waiting to
/// be sent to the queue.
#[async_trait]
pub trait Outbox: Debug + Send + Sync + 'static {
    /// Jobs that were written before `before` and are not sent, the oldest
    /// first.
    async fn unsent(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<Envelope>>;

    /// Forgets a job that was sent; one that is not there is no error.
    async fn sent(&self, id: JobId) -> StoreResult<()>;
}

/// A job that was received and is hidden from others for a while.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The job.
    pub envelope: Envelope,
    /// How often it was received, this time included.
    pub attempt: u32,
    /// Names this delivery to the queue; worthless once the visibility timeout
    /// is over.
    pub receipt: String,
}

/// A queue that delivers at least once, in no particular order.
#[async_trait]
pub trait JobQueue: Debug + Send + Sync + 'static {
    /// Adds a job, to be received after `delay` (at most 15 minutes). The same
    /// id may be added twice and may then be delivered twice.
    async fn send(&self, envelope: &Envelope, delay: Duration) -> StoreResult<()>;

    /// Receives up to `limit` (at most 10) jobs and hides them for
    /// `visibility_timeout`. Returns at once, with none if there are none.
    async fn receive(
        &self,
        limit: usize,
        visibility_timeout: Duration,
    ) -> StoreResult<Vec<Delivery>>;

    /// Deletes a received job: it is done. A stale receipt is no error.
    async fn delete(&self, receipt: &str) -> StoreResult<()>;

    /// Shows a received job again after `delay`: it is to be tried again, or is
    /// still being done. The receipt is good until then.
    async fn retry(&self, receipt: &str, delay: Duration) -> StoreResult<()>;

    /// Moves a received job to the dead letters, with why.
    async fn bury(&self, receipt: &str, reason: &str) -> StoreResult<()>;

    /// How many jobs are dead letters, up to 1,000.
    async fn buried(&self) -> StoreResult<usize>;
}
