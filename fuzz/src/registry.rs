//! A whole Berth over stores in memory, made in a moment.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use berth_domain::Secret;
use berth_host::TokioTasks;
use berth_http::{App, HttpSettings, Network, router};
use berth_ports::{NoStaging, OtherPorts, Ports};
use berth_service::{FirstStart, NewPassword, Service, ServiceSettings};
use berth_testkit::{CountingIds, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, NoInstances};
use futures_util::future::{Either, select};

use nowhere::Nowhere;
use quick_secrets::QuickSecrets;

mod nowhere;
mod quick_secrets;

/// The administrator's password, as in `Basic YWRtaW46SGFyYm9yMTIzNDU=`.
pub const PASSWORD: &str = "Harbor12345";

/// A Berth after its first start.
#[derive(Debug)]
pub struct Registry {
    pub service: Arc<Service>,
    pub router: Router,
    clock: Arc<ManualClock>,
}

impl Registry {
    /// A fresh one. It believes forwarding headers of peers in 10.0.0.0/8.
    ///
    /// # Panics
    ///
    /// If the first start fails.
    pub async fn start() -> Self {
        static SECRETS: LazyLock<Arc<QuickSecrets>> = LazyLock::new(Arc::default);
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let others = OtherPorts {
            staging: Arc::new(NoStaging),
            blobs: Arc::new(MemoryBlobs::default()),
            queue: store.clone(),
            upstream: Arc::new(Nowhere),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: SECRETS.clone(),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
            tasks: Arc::new(TokioTasks::new()),
        };
        let ports = Ports::over(store, others);
        let service = Arc::new(Service::new(ports, ServiceSettings::default()));
        let first = FirstStart {
            admin_password: NewPassword::new(Secret::new(PASSWORD)).expect("a strong password"),
            dockerhub: None,
        };
        assert!(service.first_start(first).await.expect("it starts"));
        let proxies = Network {
            address: [10, 0, 0, 0].into(),
            prefix: 8,
        };
        let settings = HttpSettings {
            external_url: None,
            trusted_proxies: vec![proxies],
        };
        let app = App {
            service: service.clone(),
            settings: Arc::new(settings),
        };
        Self {
            service,
            router: router(app),
            clock,
        }
    }

    /// Runs something to its end; time passes as soon as somebody waits for it.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let time = pin!(async {
            loop {
                tokio::task::yield_now().await;
                if self.clock.sleepers() > 0 {
                    self.clock.advance(Duration::from_secs(1));
                }
            }
        });
        match select(pin!(work), time).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => never,
        }
    }
}
