//! Work in the background.

use std::sync::Arc;

use berth_ports::{Task, Tasks};
use tokio::sync::watch;
use tracing::Instrument;

/// Tasks on the current tokio runtime, counted so that a shutdown can wait for
/// them. Clones count together.
#[derive(Clone, Debug)]
pub struct TokioTasks {
    running: Arc<watch::Sender<usize>>,
}

impl TokioTasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self {
            running: Arc::new(watch::Sender::new(0)),
        }
    }

    /// How many tasks run.
    pub fn running(&self) -> usize {
        *self.running.borrow()
    }

    /// Returns when no task runs; more may be spawned meanwhile.
    pub async fn idle(&self) {
        // The sender lives as long as `self`: this cannot fail.
        let _ = self
            .running
            .subscribe()
            .wait_for(|running| *running == 0)
            .await;
    }
}

impl Default for TokioTasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks for TokioTasks {
    /// Must be called within a tokio runtime. The task logs with the span of
    /// whoever spawns it.
    fn spawn(&self, task: Task) {
        let counted = Counted::new(Arc::clone(&self.running));
        let work = async move {
            let _counted = counted;
            task.await;
        };
        tokio::spawn(work.in_current_span());
    }
}

/// Counts as long as it lives, so a task that panics is not counted for ever.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(running: Arc<watch::Sender<usize>>) -> Self {
        running.send_modify(|running| *running += 1);
        Self(running)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn idle_waits_for_every_task() {
        let tasks = TokioTasks::new();
        tasks.idle().await;
        let (go, wait) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        tasks.spawn(Box::pin(async move {
            let _ = wait.await;
            let _ = done.send(());
        }));
        assert_eq!(tasks.running(), 1);
        go.send(()).unwrap();
        tasks.idle().await;
        assert_eq!(tasks.running(), 0);
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_panics_is_not_waited_for() {
        let tasks = TokioTasks::new();
        tasks.spawn(Box::pin(async { panic!("as it should") }));
        tasks.idle().await;
    }
}
