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
        Ok(older
            .take(limit)
            .map(|(_, envelope)| envelope.clone())
            .collect())
    }

    async fn sent(&self, id: JobId) -> StoreResult<()> {
        self.state()
            .outbox
            .retain(|(_, envelope)| envelope.id != id);
        Ok(())
    }
}

/// A job in the queue.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    envelope: Envelope,
    /// How often it was received.
    attempt: u32,
    /// Names its last delivery.
    receipt: String,
    /// When it can be received.
    visible_at: Timestamp,
}

impl State {
    /// The place of the job that this receipt still holds.
    fn held(&self, receipt: &str, now: Timestamp) -> Option<usize> {
        self.queue
            .iter()
            .position(|job| job.visible_at > now && job.receipt == receipt)
    }
}

#[async_trait]
impl JobQueue for MemoryStore {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> StoreResult<()> {
        let visible_at = self.clock.now() + delay;
        let (envelope, receipt) = (envelope.clone(), String::new());
        self.state().queue.push(Queued {
            envelope,
            attempt: 0,
            receipt,
            visible_at,
        });
        Ok(())
    }

    async fn receive(
        &self,
        limit: usize,
        visibility_timeout: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let now = self.clock.now();
        let mut state = self.state();
        let State {
            queue, deliveries, ..
        } = &mut *state;
        let visible = queue
            .iter_mut()
            .filter(|job| job.visible_at <= now)
            .take(limit);
        Ok(visible
            .map(|job| {
                *deliveries += 1;
                job.attempt += 1;
                job.receipt = deliveries.to_string();
                job.visible_at = now + visibility_timeout;
                let (envelope, receipt) = (job.envelope.clone(), job.receipt.clone());
                Delivery {
                    envelope,
                    attempt: job.attempt,
                    receipt,
                }
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
