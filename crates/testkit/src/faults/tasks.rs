//! Tasks that do not run, as when the process ends.

use std::panic::AssertUnwindSafe;

use berth_ports::{Task, Tasks};
use futures_util::FutureExt as _;

use super::Faulty;

impl Tasks for Faulty<dyn Tasks> {
    fn spawn(&self, task: Task) {
        if self.faults.next_fails("Tasks::spawn") {
            return;
        }
        let faults = self.faults.clone();
        self.inner.spawn(Box::pin(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                faults.state().panics += 1;
            }
        }));
    }
}
