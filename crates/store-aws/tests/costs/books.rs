//! A Berth over `DynamoDB`, S3 and SQS, and what each thing costs that is done
//! with it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_domain::{Envelope, Secret};
use berth_host::{HostSecrets, RandomIds, SealingKey, TokioTasks};
use berth_http::{App, HttpSettings, router};
use berth_ports::{Clock as _, Delivery, Finding, Ids, OtherPorts, Ports};
use berth_service::{FirstStart, NewPassword, Service, ServiceSettings};
use berth_store_aws::{
    Aws, AwsCredentials, AwsSettings, CallCounter, DynamoSettings, DynamoStore, Found, S3Blobs,
    S3Settings, SqsQueue, SqsSettings,
};
use berth_testkit::{ManualClock, MemorySpools, NoInstances};
use berth_upstream::HttpUpstream;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use super::case::{Case, Table};
use super::requests::Requests;

/// How long addresses are good for.
const LIFETIME: Duration = Duration::from_mins(15);
const PASSWORD: &str = "Harbor12345";

/// A Berth after its first start, whose clock stands still, and its books.
pub(crate) struct Books {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cases: Vec<Case>,
    ports: Ports,
    router: Router,
    tasks: TokioTasks,
    calls: Arc<CallCounter>,
    requests: Requests,
    token: String,
}

/// What a request was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

fn endpoint(variable: &str) -> String {
    std::env::var(variable).expect("nothing to test with: run `cargo xtask aws test`")
}

/// A name that no other test has.
fn fresh_name() -> String {
    format!("berth-{:032x}", RandomIds.fresh().0)
}

/// Where clients that can send what they push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uploads {
    /// Here.
    Streamed,
    /// To S3, which was found to be good for it.
    Redirected,
}

struct Stores {
    metadata: DynamoStore,
    blobs: S3Blobs,
    queue: SqsQueue,
}

impl Stores {
    async fn create(
        uploads: Uploads,
        clock: Arc<ManualClock>,
        calls: Arc<CallCounter>,
        requests: Requests,
    ) -> Self {
        let settings = AwsSettings {
            region: Some("us-east-1".to_owned()),
            credentials: Some(AwsCredentials {
                access_key_id: "berth".to_owned(),
                secret_access_key: Secret::new("berth-secret"),
                session_token: None,
            }),
        };
        let aws = Aws::load(&settings).await.watched_by(requests);
        let table = DynamoSettings {
            table: fresh_name(),
            endpoint: Some(endpoint("BERTH_TEST_DYNAMODB")),
        };
        let bucket = S3Settings {
            bucket: "berth".to_owned(),
            prefix: format!("{}/", fresh_name()),
            endpoint: Some(endpoint("BERTH_TEST_S3")),
            path_style: true,
            redirect: Some(LIFETIME),
            public_endpoint: None,
            uploads: (uploads == Uploads::Redirected).then_some(LIFETIME),
            upload_endpoint: None,
        };
        let queue = SqsSettings {
            queue: fresh_name(),
            endpoint: Some(endpoint("BERTH_TEST_SQS")),
        };
        let metadata = DynamoStore::open(&aws, &table, clock.clone(), Arc::new(RandomIds));
        let blobs = S3Blobs::open(&aws, &bucket);
        let queue = SqsQueue::open(&aws, &queue, &blobs);
        metadata.create_table().await.unwrap();
        blobs.create_bucket().await.unwrap();
        queue.create_queues().await.unwrap();
        let found = Found {
            at: clock.now(),
            version: "test".to_owned(),
            endpoint: Some(endpoint("BERTH_TEST_S3")),
            upload_endpoint: None,
            findings: ["S3: bucket", "S3: redirected uploads"]
                .map(Finding::ok)
                .into(),
        };
        let kept = found.keep(&blobs).await;
        assert!(kept.note.is_none(), "{kept:?}");
        Self {
            metadata: metadata.counted(calls),
            blobs,
            queue,
        }
    }
}

impl Books {
    pub(crate) async fn open(uploads: Uploads) -> Self {
        let clock = Arc::new(ManualClock::default());
        let calls = Arc::new(CallCounter::default());
        let requests = Requests::default();
        let tasks = TokioTasks::new();
        let stores = Stores::create(uploads, clock.clone(), calls.clone(), requests.clone()).await;
        let key = SealingKey::from_bytes([7; 32]);
        let others = OtherPorts {
            staging: Arc::new(stores.blobs.clone()),
            blobs: Arc::new(stores.blobs),
            queue: Arc::new(stores.queue),
            upstream: Arc::new(HttpUpstream::new().unwrap()),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: Arc::new(HostSecrets::new(&key).unwrap()),
            clock: clock.clone(),
            ids: Arc::new(RandomIds),
            tasks: Arc::new(tasks.clone()),
        };
        let ports = Ports::over(Arc::new(stores.metadata), others);
        let (service, router) = instance(&ports);
        let first = FirstStart {
            admin_password: NewPassword::new(Secret::new(PASSWORD)).unwrap(),
            dockerhub: None,
        };
        assert!(service.first_start(first).await.unwrap());
        Self {
            service,
            clock,
            cases: Vec::new(),
            ports,
            router,
            tasks,
            calls,
            requests,
            token: String::new(),
        }
    }

    /// Goes on with an instance that has just started: it remembers nothing.
    pub(crate) fn start_instance(&mut self) {
        (self.service, self.router) = instance(&self.ports);
    }

    /// Requests to come have a token of the administrator for these scopes.
    pub(crate) async fn log_in(&mut self, scopes: &[&str]) {
        self.token = self.user_token(scopes).await;
    }

    /// Requests to come are of somebody without an account.
    pub(crate) async fn log_out(&mut self, scopes: &[&str]) {
        self.token = self.anonymous_token(scopes).await;
    }

    pub(crate) async fn user_token(&self, scopes: &[&str]) -> String {
        let credentials = STANDARD.encode(format!("admin:{PASSWORD}"));
        let asking = Request::builder().header("authorization", format!("Basic {credentials}"));
        self.token(asking, scopes).await
    }

    pub(crate) async fn anonymous_token(&self, scopes: &[&str]) -> String {
        self.token(Request::builder(), scopes).await
    }

    async fn token(&self, asking: http::request::Builder, scopes: &[&str]) -> String {
        let path = format!(
            "/service/token?service=harbor-registry&scope={}",
            scopes.join("&scope=")
        );
        let answer = self.send(asking.uri(path), Bytes::new()).await;
        assert_eq!(answer.status, StatusCode::OK);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// Sends `METHOD /path` with the token.
    pub(crate) async fn ask(&self, line: &str, body: Bytes) -> Answer {
        self.ask_as("", line, body).await
    }

    /// The same as this `User-Agent`.
    pub(crate) async fn ask_as(&self, agent: &str, line: &str, body: Bytes) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", agent)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-length", body.len());
        self.send(request, body).await
    }

    async fn send(&self, request: http::request::Builder, body: Bytes) -> Answer {
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// Enters what a thing costs that is done, with all that it starts.
    pub(crate) async fn enter<T>(
        &mut self,
        name: &str,
        request: &str,
        thing: impl AsyncFnOnce(&Self) -> T,
    ) -> T {
        self.tasks.idle().await;
        self.calls.take();
        self.requests.take();
        let done = thing(self).await;
        self.tasks.idle().await;
        let mut table = Table::default();
        for (operation, counted) in self.calls.take() {
            table.calls.insert(operation.to_owned(), counted.calls);
            table.read_units += counted.read_units;
            table.write_units += counted.write_units;
        }
        let counted = self.requests.take();
        self.cases.push(Case {
            name: name.to_owned(),
            request: request.to_owned(),
            dynamodb: table,
            s3: counted.s3,
            sqs: counted.sqs,
        });
        done
    }

    /// Enters a request that is answered so.
    pub(crate) async fn request(
        &mut self,
        name: &str,
        request: &str,
        line: &str,
        expected: u16,
    ) -> Answer {
        let ask = async |books: &Self| books.ask(line, Bytes::new()).await;
        let answer = self.enter(name, request, ask).await;
        assert_eq!(answer.status, expected, "{request}");
        answer
    }

    /// The client reads at the address that it was redirected to, for the case
    /// that was entered last.
    pub(crate) async fn follow(&mut self, answer: &Answer, expected: &Bytes) {
        let address = answer.location();
        let read = reqwest::get(&address).await.unwrap();
        assert_eq!(read.status(), 200);
        assert_eq!(read.bytes().await.unwrap(), expected);
        self.cases.last_mut().unwrap().s3.client_reads += 1;
    }

    /// In the case that was entered last a client put something to S3.
    pub(crate) fn client_wrote(&mut self) {
        self.cases.last_mut().unwrap().s3.client_writes += 1;
    }

    /// Of the updates in the case that was entered last, each of 1 w, some
    /// depend on how fast things go: it is entered with as many as there may be.
    pub(crate) fn at_most_updates(&mut self, most: u64) {
        let table = &mut self.cases.last_mut().unwrap().dynamodb;
        let counted = table.calls.entry("UpdateItem".to_owned()).or_default();
        while *counted < most {
            *counted += 1;
            table.write_units += 1.0;
        }
        assert_eq!(*counted, most);
    }

    /// Does the one job that is being sent.
    pub(crate) async fn finish_job(&self) {
        self.tasks.idle().await;
        self.job().await;
    }

    /// Does the one job that waits.
    pub(crate) async fn job(&self) {
        let queue = &self.ports.queue;
        let received = queue.receive(1, Duration::from_mins(1)).await.unwrap();
        let [delivery] = <[_; 1]>::try_from(received).unwrap();
        self.do_job(delivery).await;
    }

    /// Does all jobs that wait.
    pub(crate) async fn drain(&self) {
        self.tasks.idle().await;
        let queue = &self.ports.queue;
        loop {
            let received = queue.receive(10, Duration::from_mins(1)).await.unwrap();
            if received.is_empty() {
                return;
            }
            for delivery in received {
                self.do_job(delivery).await;
            }
        }
    }

    async fn do_job(&self, delivery: Delivery) {
        berth_jobs::handle(&self.service, delivery.envelope)
            .await
            .unwrap();
        let queue = &self.ports.queue;
        queue.delete(&delivery.receipt).await.unwrap();
    }

    /// Looks for a job where there is none.
    pub(crate) async fn poll(&self) {
        let queue = &self.ports.queue;
        let received = queue.receive(10, Duration::from_mins(1)).await.unwrap();
        assert!(received.is_empty());
    }

    /// What is due for collection goes.
    pub(crate) async fn sweep(&self) {
        let go_on = &mut |_| ControlFlow::Continue(());
        let swept = self.service.sweep_garbage(go_on).await.unwrap();
        assert_eq!((swept.failed, swept.later), (0, 0));
    }

    pub(crate) async fn sweep_uploads(&self) {
        self.service.sweep_uploads().await.unwrap();
    }

    /// What the worker of an instance does each minute.
    pub(crate) async fn minute(&self) {
        assert!(self.service.start_scheduled_gc().await.unwrap().is_none());
        self.send_job(self.service.sweep_garbage_job()).await;
        assert_eq!(self.service.sweep_outbox().await.unwrap(), 0);
        assert_eq!(self.ports.queue.buried().await.unwrap(), 0);
    }

    /// And each ten.
    pub(crate) async fn ten_minutes(&self) {
        self.send_job(self.service.sweep_uploads_job()).await;
    }

    async fn send_job(&self, job: Envelope) {
        let queue = &self.ports.queue;
        queue.send(&job, Duration::ZERO).await.unwrap();
        self.job().await;
    }

    /// After this nothing is due any more.
    pub(crate) async fn pass_a_day(&self) {
        self.clock.advance(Duration::from_hours(25));
        self.sweep().await;
        self.sweep_uploads().await;
        self.drain().await;
    }
}

impl Answer {
    /// Where to go on.
    pub(crate) fn location(&self) -> String {
        self.headers["location"].to_str().unwrap().to_owned()
    }
}

fn instance(ports: &Ports) -> (Arc<Service>, Router) {
    let service = Arc::new(Service::new(ports.clone(), ServiceSettings::default()));
    let settings = HttpSettings {
        // Not the store's host: clients are redirected.
        external_url: Some("https://berth.test".to_owned()),
        ..HttpSettings::default()
    };
    let app = App {
        service: service.clone(),
        settings: Arc::new(settings),
    };
    (service, router(app))
}
