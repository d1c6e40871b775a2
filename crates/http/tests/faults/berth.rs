//! One process over a copy of the world.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use berth_domain::Envelope;
use berth_host::TokioTasks;
use berth_http::{App, HttpSettings, router};
use berth_jobs::{JobError, handle};
use berth_ports::{Delivery, Ports, StoreResult};
use berth_service::{Service, ServiceSettings};
use berth_testkit::Faults;
use http::{Method, Request};
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::answer::Answer;
use crate::world::World;

/// How long anything may take before it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// As the worker of `berth serve` has it.
const VISIBILITY: Duration = Duration::from_mins(10);
const MAX_ATTEMPTS: u32 = 20;

/// A process with its own copy of the world; its ports may fail.
pub(crate) struct Berth {
    pub(crate) world: World,
    pub(crate) service: Arc<Service>,
    pub(crate) faults: Faults,
    tasks: TokioTasks,
    router: Router,
    /// The kinds of jobs that were delivered.
    pub(crate) delivered: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Berth {
    pub(crate) fn over(world: World) -> Self {
        let faults = Faults::default();
        let tasks = TokioTasks::new();
        let ports = faults.wrap(world.ports(tasks.clone()));
        let service = Arc::new(Service::new(ports, ServiceSettings::default()));
        let settings = HttpSettings {
            external_url: Some("https://berth.test".to_owned()),
            trusted_proxies: Vec::new(),
        };
        let app = App {
            service: service.clone(),
            settings: Arc::new(settings),
        };
        Self {
            world,
            service,
            faults,
            tasks,
            router: router(app),
            delivered: Arc::default(),
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.service.ports()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_and(request, || ()).await
    }

    /// The same, with something to be done before the body is read.
    pub(crate) async fn send_and(&self, request: Request<Body>, answered: impl FnOnce()) -> Answer {
        let is_head = request.method() == Method::HEAD;
        let answered = async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            answered();
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.ok();
            Answer {
                status: parts.status,
                headers: parts.headers,
                body,
                is_head,
            }
        };
        timeout(PATIENCE, answered)
            .await
            .expect("the request hangs")
    }

    /// Waits until nothing runs in the background.
    pub(crate) async fn idle(&self) {
        timeout(PATIENCE, self.tasks.idle())
            .await
            .expect("a task hangs");
    }

    /// What the worker does when it looks at the outbox and the queue once.
    pub(crate) async fn work(&self) -> StoreResult<usize> {
        let queue = &self.ports().queue;
        let deliveries = queue.receive(10, VISIBILITY).await?;
        let count = deliveries.len();
        for delivery in deliveries {
            // The job comes again if the queue was not told.
            let _ = self.deliver(delivery).await;
        }
        self.idle().await;
        Ok(count)
    }

    async fn deliver(&self, delivery: Delivery) -> StoreResult<()> {
        let Delivery {
            envelope,
            attempt,
            receipt,
        } = delivery;
        let queue = &self.ports().queue;
        match self.handle(envelope).await {
            Ok(()) => queue.delete(&receipt).await,
            Err(JobError::Retry { after, .. }) if attempt < MAX_ATTEMPTS => {
                let after = after.unwrap_or(Duration::from_secs(1 << attempt.min(9)));
                queue.retry(&receipt, after).await
            }
            Err(error) => queue.bury(&receipt, &error.to_string()).await,
        }
    }

    pub(crate) async fn handle(&self, envelope: Envelope) -> Result<(), JobError> {
        self.delivered.lock().unwrap().insert(envelope.job.kind());
        timeout(PATIENCE, handle(&self.service, envelope))
            .await
            .expect("a job hangs")
    }

    /// Lets everything be done that waits to be done: the outbox is sent, all
    /// jobs are delivered, those to be tried again too.
    pub(crate) async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 2 {
            self.idle().await;
            self.world
                .clock
                .advance(VISIBILITY + Duration::from_mins(1));
            let sent = self.service.sweep_outbox().await.unwrap();
            let mut delivered = 0;
            loop {
                match self.work().await.unwrap() {
                    0 => break,
                    count => delivered += count,
                }
            }
            quiet = if sent + delivered == 0 { quiet + 1 } else { 0 };
        }
    }

    /// What comes round, for some days: uploads that nobody continues are ended,
    /// what nothing names is collected.
    pub(crate) async fn sweep(&self) {
        for _ in 0..3 {
            self.world.clock.advance(Duration::from_hours(25));
            self.handle(self.service.sweep_uploads_job()).await.unwrap();
            self.handle(self.service.sweep_garbage_job()).await.unwrap();
            self.settle().await;
        }
    }
}
