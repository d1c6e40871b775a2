//! What every program gets from its host: time, fresh ids, tasks.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use berth_domain::FreshId;
use jiff::Timestamp;

/// The time. Safety never depends on it.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time by the host's clock.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// Fresh ids.
pub trait Ids: Debug + Send + Sync + 'static {
    /// An id that no process ever had, hard to guess.
    fn fresh(&self) -> FreshId;
}

/// A future that runs on its own.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that goes on when the request that started it is gone.
pub trait Tasks: Debug + Send + Sync + 'static {
    /// Runs `task` to its end, or to the end of the process.
    fn spawn(&self, task: Task);
}
