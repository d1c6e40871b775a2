//! Whether what Berth stands on answers.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use berth_domain::ObjectKey;
use berth_ports::StoreResult;
use futures_util::future::{Either, select};

use crate::service::Service;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How one part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentHealth {
    /// Its name in Harbor's API.
    pub name: &'static str,
    /// What is wrong; `None` if nothing is.
    pub error: Option<&'static str>,
}

impl Service {
    /// Asks the metadata store and the blob store whether they answer.
    pub async fn health(&self) -> Vec<ComponentHealth> {
        let database = self.ports.projects.list_projects(None, 1);
        let object = ObjectKey::from(self.ports.ids.fresh());
        let registry = self.ports.blobs.size(object);
        vec![
            ComponentHealth {
                name: "core",
                error: None,
            },
            self.component("database", database).await,
            self.component("registry", registry).await,
        ]
    }

    async fn component<T>(
        &self,
        name: &'static str,
        answer: impl Future<Output = StoreResult<T>> + Send,
    ) -> ComponentHealth {
        let late = self.ports.clock.sleep(PATIENCE);
        let error = match select(pin!(answer), late).await {
            Either::Left((Ok(_), _)) => None,
            Either::Left((Err(error), _)) => {
                tracing::error!(component = name, %error, "health check failed");
                Some("it does not work, see the log")
            }
            Either::Right(_) => Some("it does not answer"),
        };
        ComponentHealth { name, error }
    }
}
