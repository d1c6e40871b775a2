//! The worker of a single machine: it takes jobs from the queue and does them,
//! and sees to what comes round.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_domain::Envelope;
use berth_jobs::{JobError, handle};
use berth_ports::{Delivery, StoreResult};
use berth_service::Service;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::stop::{Part, Stop};

/// Jobs that are done at once.
const AT_ONCE: usize = 10;

/// How long a job that its worker no longer renews waits for another one.
const VISIBILITY: Duration = Duration::from_mins(1);

/// How often the worker of a job renews it.
const RENEWAL: Duration = Duration::from_secs(20);

/// How long an empty queue is left alone.
const POLL: Duration = Duration::from_secs(1);

/// How often what its writer did not send is sent.
const OUTBOX: Duration = Duration::from_mins(1);

/// How often idle uploads are looked for, at the most.
const UPLOADS: Duration = Duration::from_mins(10);

/// How often what may be collected is looked at.
const GARBAGE: Duration = Duration::from_mins(1);

/// After this many attempts, over some three hours, a job is given up.
const MAX_ATTEMPTS: u32 = 20;

/// The longest wait between two attempts, as queues allow.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// Works until the server stops.
pub(crate) fn start(service: Arc<Service>, upload_idle: Duration, stop: Stop) {
    let worker = Worker { service };
    tokio::spawn(worker.clone().come_round(upload_idle, stop.part()));
    tokio::spawn(worker.work(stop));
}

#[derive(Clone, Debug)]
struct Worker {
    service: Arc<Service>,
}

impl Worker {
    async fn work(self, stop: Stop) {
        let mut part = stop.part();
        while !stop.is_requested() {
            let done = self.batch().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the job queue does not answer");
                0
            });
            if done == 0 {
                tokio::select! {
                    () = sleep(POLL) => {}
                    () = part.requested() => {}
                }
            }
        }
    }

    /// Does the jobs that are due, up to [`AT_ONCE`]; returns how many.
    async fn batch(&self) -> StoreResult<usize> {
        let deliveries = self
            .service
            .ports()
            .queue
            .receive(AT_ONCE, VISIBILITY)
            .await?;
        let count = deliveries.len();
        let mut running = JoinSet::new();
        for delivery in deliveries {
            let worker = self.clone();
            running.spawn(async move { worker.deliver(delivery).await });
        }
        running.join_all().await;
        Ok(count)
    }

    /// Does a job, and tells the queue what came of it.
    async fn deliver(&self, delivery: Delivery) {
        let Delivery {
            envelope,
            attempt,
            receipt,
        } = delivery;
        let (id, kind) = (envelope.id, envelope.job.kind());
        let started = Instant::now();
        let result = tokio::select! {
            result = self.attempt(envelope) => result,
            never = self.renew(&receipt) => match never {},
        };
        metrics::histogram!("job_duration_seconds", "kind" => kind)
            .record(started.elapsed().as_secs_f64());
        let queue = &self.service.ports().queue;
        let (outcome, told) = match result {
            Ok(()) => ("done", queue.delete(&receipt).await),
            Err(JobError::Retry { after, reason }) if attempt < MAX_ATTEMPTS => {
                let after = after.unwrap_or_else(|| wait(attempt));
                tracing::warn!(job = %id, kind, attempt, reason, after = after.as_secs(), "job is tried again");
                ("retried", queue.retry(&receipt, after).await)
            }
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(job = %id, kind, attempt, reason, "job is given up");
                ("dead", queue.bury(&receipt, &reason).await)
            }
        };
        metrics::counter!("jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
        if let Err(error) = told {
            tracing::warn!(job = %id, kind, %error, "the job queue does not answer, the job will come again");
        }
    }

    /// Keeps a job from other workers for as long as this is polled.
    async fn renew(&self, receipt: &str) -> Infallible {
        loop {
            sleep(RENEWAL).await;
            let queue = &self.service.ports().queue;
            if let Err(error) = queue.retry(receipt, VISIBILITY).await {
                tracing::warn!(%error, "the job queue does not answer, another worker may do the job too");
            }
        }
    }

    /// Does a job in a task of its own, so that a panic ends only that.
    async fn attempt(&self, envelope: Envelope) -> Result<(), JobError> {
        let service = Arc::clone(&self.service);
        let done = tokio::spawn(async move { handle(&service, envelope).await }).await;
        done.unwrap_or_else(|error| {
            Err(JobError::Retry {
                after: None,
                reason: format!("the job broke off: {error}"),
            })
        })
    }

    /// What is to be done from time to time.
    async fn come_round(self, upload_idle: Duration, mut part: Part) {
        let mut outbox = interval(OUTBOX);
        let mut uploads = interval(upload_idle.min(UPLOADS));
        outbox.set_missed_tick_behavior(MissedTickBehavior::Delay);
        uploads.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut garbage = interval(GARBAGE);
        garbage.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = part.requested() => return,
                _ = outbox.tick() => self.sweep_outbox().await,
                _ = uploads.tick() => self.schedule(self.service.sweep_uploads_job()).await,
                _ = garbage.tick() => self.schedule_garbage().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "the store does not answer");
            }
        }
    }

    async fn sweep_outbox(&self) -> berth_service::Result<()> {
        let sent = self.service.sweep_outbox().await?;
        if sent > 0 {
            tracing::info!(sent, "jobs sent from the outbox");
        }
        let dead = self.service.ports().queue.buried().await?;
        metrics::gauge!("jobs_dead").set(u32::try_from(dead).unwrap_or(u32::MAX));
        Ok(())
    }

    async fn schedule_garbage(&self) -> berth_service::Result<()> {
        if let Some(run) = self.service.start_scheduled_gc().await? {
            tracing::info!(%run, "garbage collection started by its schedule");
        }
        self.schedule(self.service.sweep_garbage_job()).await
    }

    async fn schedule(&self, job: Envelope) -> berth_service::Result<()> {
        Ok(self
            .service
            .ports()
            .queue
            .send(&job, Duration::ZERO)
            .await?)
    }
}

/// Twice as long after each attempt.
fn wait(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.min(20)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let waits: Vec<_> = [1, 2, 9, 10, 100]
            .map(|attempt| wait(attempt).as_secs())
            .into();
        assert_eq!(waits, [2, 4, 512, 900, 900]);
    }
}
