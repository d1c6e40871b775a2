//! The outbox and the job queue.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::{Envelope, JobId};
use berth_ports::{Delivery, JobQueue, Outbox, StoreResult};
use jiff::Timestamp;

use super::{MemoryStore, State};

#[async_trait]
impl Outbox for MemoryStore {
    async fn unsent(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<Envelope>> {
        let state = self.state();
        let older = state.outbox.iter().filter(|(written, _)| *written < before);
        Ok(older.take(limit).map(|(_, envelope)| envelope.clone()).collect())
    }

    async fn sent(&self, id: JobId) -> StoreResult<()> {
        self.state().outbox.retain(|(_, envelope)| envelope.id != id);
        Ok(())
    }
}

/// A job in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    envelope: Envelope,
    /// Tells two jobs of one id apart.
    number: u64,
    /// How often it was received.
    attempt: u32,
    /// When it can be received.
    visible_at: Timestamp,
}

impl Queued {
    /// Names the last delivery of this job.
    fn receipt(&self) -> String {
        format!("{}-{}", self.number, self.attempt)
    }
}

impl State {
    /// The job that this receipt still holds, and its place.
    fn held(&self, receipt: &str, now: Timestamp) -> Option<usize> {
        self.queue.iter().position(|job| job.visible_at > now && job.receipt() == receipt)
    }
}

#[async_trait]
impl JobQueue for MemoryStore {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> StoreResult<()> {
        let mut state = self.state();
        let number = state.queue.last().map_or(0, |last| last.number + 1);
        let visible_at = self.clock.now() + delay;
        state.queue.push(Queued { envelope: envelope.clone(), number, attempt: 0, visible_at });
        Ok(())
    }

    async fn receive(
        &self,
        limit: usize,
        visibility_timeout: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let now = self.clock.now();
        let mut state = self.state();
        let visible = state.queue.iter_mut().filter(|job| job.visible_at <= now).take(limit);
        Ok(visible
            .map(|job| {
                job.attempt += 1;
                job.visible_at = now + visibility_timeout;
                let (envelope, receipt) = (job.envelope.clone(), job.receipt());
                Delivery { envelope, attempt: job.attempt, receipt }
            })
            .collect())
    }

    async fn delete(&self, receipt: &str) -> StoreResult<()> {
        let mut state = self.state();
        if let Some(place) = state.held(receipt, self.clock.now()) {
            state.queue.remove(place);
        }
        Ok(())
    }

    async fn retry(&self, receipt: &str, delay: Duration) -> StoreResult<()> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(place) = state.held(receipt, now) {
            state.queue[place].visible_at = now + delay;
        }
        Ok(())
    }

    async fn bury(&self, receipt: &str, _reason: &str) -> StoreResult<()> {
        let mut state = self.state();
        if let Some(place) = state.held(receipt, self.clock.now()) {
            state.queue.remove(place);
            state.buried += 1;
        }
        Ok(())
    }

    async fn buried(&self) -> StoreResult<usize> {
        Ok(self.state().buried.min(1000))
    }
}
