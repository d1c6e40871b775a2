//! Steps that are taken to their end even if the client goes away.

use std::future::Future;

use berth_ports::StoreError;
use tokio::sync::oneshot;

use crate::error::Result;
use crate::service::Service;

impl Service {
    /// Runs `work` as a task of its own and waits for it. A request that is
    /// dropped meanwhile does not stop it half way.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.ports.tasks.spawn(Box::pin(async move {
            // Nobody may be waiting any more.
            drop(answer.send(work.await));
        }));
        answered
            .await
            .map_err(|_| StoreError::unavailable("the task of the request was stopped"))?
    }
}
