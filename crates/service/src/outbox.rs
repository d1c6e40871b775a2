//! Sending what the outbox holds.

use std::time::Duration;

use berth_domain::{Envelope, Job, JobId};
use berth_ports::{Ports, StoreResult};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::service::Service;

/// A job that waits in the outbox longer than this was not sent by whoever
/// wrote it.
const OVERDUE: SignedDuration = SignedDuration::from_secs(60);

/// What a sweep reads at once.
pub(crate) const SWEEP_PAGE: usize = 100;

/// What a sweep reads in all; the next one goes on.
pub(crate) const SWEEP_PAGES: usize = 100;

/// Sends one job of the outbox and forgets it there. A crash between the two
/// sends it again.
pub(crate) async fn send(ports: &Ports, envelope: &Envelope) -> StoreResult<()> {
    ports.queue.send(envelope, Duration::ZERO).await?;
    ports.outbox.sent(envelope.id).await
}

impl Service {
    /// Wraps a job under a fresh id.
    pub(crate) fn envelope(&self, job: Job) -> Envelope {
        Envelope::new(JobId::from(self.ports.ids.fresh()), job)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Sends what its writer did not, up to ten thousand jobs; returns how many
    /// there were.
    pub async fn sweep_outbox(&self) -> Result<usize> {
        let before = self.now() - OVERDUE;
        let mut sent = 0;
        for _ in 0..SWEEP_PAGES {
            let overdue = self.ports.outbox.unsent(before, SWEEP_PAGE).await?;
            for envelope in &overdue {
                send(&self.ports, envelope).await?;
            }
            sent += overdue.len();
            if overdue.len() < SWEEP_PAGE {
                break;
            }
        }
        Ok(sent)
    }
}
