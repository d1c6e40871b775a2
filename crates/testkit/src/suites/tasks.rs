//! Behaviours of [`Tasks`].

use std::sync::Arc;

use berth_ports::Tasks;
use tokio::sync::oneshot;

suite! {
    /// Makes tests of the behaviours of `Tasks`. The argument is an expression
    /// for a future of an `Arc<dyn Tasks>`.
    tasks_suite in tasks {
        a_task_runs_to_its_end_when_its_spawner_is_gone,
    }
}

/// As work goes on when a client hangs up.
pub async fn a_task_runs_to_its_end_when_its_spawner_is_gone(tasks: &Arc<dyn Tasks>) {
    let (go, gone) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let spawner = Arc::clone(tasks);
    let spawning = tokio::spawn(async move {
        spawner.spawn(Box::pin(async move {
            if gone.await.is_ok() {
                let _ = end.send(());
            }
        }));
    });
    spawning.await.unwrap();
    go.send(()).unwrap();
    ended.await.unwrap();
}
