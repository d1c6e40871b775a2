//! A job queue as its suite takes it, with the time that it goes by.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use berth_ports::JobQueue;

use crate::ManualClock;

/// How time passes for a queue under test.
#[async_trait]
pub trait QueueTime: Debug + Send + Sync + 'static {
    /// For how long a job is hidden where a behaviour waits for its return:
    /// whole seconds.
    fn hidden(&self) -> Duration;

    /// How long before its return a job surely does not come: less than
    /// [`hidden`](Self::hidden).
    fn margin(&self) -> Duration;

    /// Returns when so much time has passed for the queue.
    async fn pass(&self, duration: Duration);
}

/// The queue was given this clock.
#[async_trait]
impl QueueTime for ManualClock {
    fn hidden(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn margin(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn pass(&self, duration: Duration) {
        self.advance(duration);
    }
}

/// A fresh, empty job queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    /// The queue.
    pub jobs: Arc<dyn JobQueue>,
    /// Its time.
    pub time: Arc<dyn QueueTime>,
    #[expect(dead_code, reason = "it is kept, not read")]
    guard: Arc<dyn Any + Send + Sync>,
}

impl Queue {
    /// A queue and the time that it goes by.
    pub fn of(jobs: Arc<dyn JobQueue>, time: Arc<dyn QueueTime>) -> Self {
        Self {
            jobs,
            time,
            guard: Arc::new(()),
        }
    }

    /// Keeps something alive as long as the queue: a temporary folder.
    #[must_use]
    pub fn keeping(self, guard: impl Any + Send + Sync) -> Self {
        Self {
            guard: Arc::new(guard),
            ..self
        }
    }
}

impl Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
