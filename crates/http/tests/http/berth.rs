//! A Berth of its own for each test, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_domain::Secret;
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_http::{App, HttpSettings, router};
use berth_ports::{NoStaging, OtherPorts, Ports};
use berth_service::{FirstStart, NewPassword, Service, ServiceSettings};
use berth_testkit::image::{Content, Image};
use berth_testkit::{
    CountingIds, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, NoInstances,
};
use berth_upstream::HttpUpstream;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "Harbor12345";

/// Headers that answers are compared by.
const HEADERS: [&str; 7] = [
    "allow",
    "content-type",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
    "x-total-count",
];

/// A Berth after its first start. Its clock stands still.
pub(crate) struct Berth {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<ManualClock>,
    tasks: Arc<TokioTasks>,
    router: Router,
}

fn ports(clock: Arc<ManualClock>, tasks: Arc<TokioTasks>) -> Ports {
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let key = SealingKey::from_bytes([7; 32]);
    let others = OtherPorts {
        staging: Arc::new(NoStaging),
        blobs: Arc::new(MemoryBlobs::default()),
        queue: store.clone(),
        upstream: Arc::new(HttpUpstream::new().unwrap()),
        instances: Arc::new(NoInstances),
        spools: Arc::new(MemorySpools),
        secrets: Arc::new(HostSecrets::new(&key).unwrap()),
        clock,
        ids: Arc::new(CountingIds::new()),
        tasks,
    };
    Ports::over(store, others)
}

impl Berth {
    /// One that nothing was done to yet.
    pub(crate) fn unused() -> Self {
        let clock = Arc::new(ManualClock::default());
        let tasks = Arc::new(TokioTasks::new());
        let ports = ports(clock.clone(), tasks.clone());
        let service = Service::new(ports, ServiceSettings::default());
        let service = Arc::new(service);
        let settings = HttpSettings {
            external_url: Some("https://berth.test".to_owned()),
            trusted_proxies: Vec::new(),
        };
        let app = App {
            service: service.clone(),
            settings: Arc::new(settings),
        };
        Self {
            service,
            clock,
            tasks,
            router: router(app),
        }
    }

    pub(crate) async fn start() -> Self {
        let berth = Self::unused();
        assert!(berth.service.first_start(first_start()).await.unwrap());
        berth
    }

    /// One with the users `ann` (2) and `ben` (3).
    pub(crate) async fn with_users() -> Self {
        let berth = Self::start().await;
        for name in ["ann", "ben"] {
            berth.create_user(name).await;
        }
        berth
    }

    pub(crate) async fn create_user(&self, name: &str) {
        let user = json!({
            "username": name, "email": format!("{name}@berth.test"),
            "realname": name, "password": PASSWORD,
        });
        let answer = self.send("admin", "POST /users", user).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    }

    pub(crate) async fn create_project(&self, user: &str, name: &str, public: bool) {
        let project = json!({ "project_name": name, "public": public });
        let answer = self.send(user, "POST /projects", project).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    }

    /// Pushes blobs and manifest by digest, then sets `tag` to it.
    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, blob).await;
        }
        self.push_manifest(repository, tag, &image.manifest).await;
    }

    pub(crate) async fn push_blob(&self, repository: &str, blob: &Content) {
        let digest = blob.digest;
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let pushed = self.v2("POST", &path, blob).await;
        assert_eq!(pushed.status, StatusCode::CREATED, "{pushed}");
    }

    /// Asks for something below `/v2/` without its bytes.
    pub(crate) async fn head(&self, path: &str) -> Answer {
        let request = Request::head(path).body(Body::empty());
        self.answer(request.unwrap()).await
    }

    /// Does all jobs, and those that they cause.
    pub(crate) async fn do_jobs(&self) {
        let ports = self.service.ports();
        loop {
            self.tasks.idle().await;
            let received = ports.queue.receive(10, Duration::from_mins(1)).await;
            let received = received.unwrap();
            if received.is_empty() {
                return;
            }
            for delivery in received {
                berth_jobs::handle(&self.service, delivery.envelope)
                    .await
                    .unwrap();
                ports.queue.delete(&delivery.receipt).await.unwrap();
            }
        }
    }

    pub(crate) async fn push_manifest(&self, repository: &str, tag: &str, manifest: &Content) {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let pushed = self.v2("PUT", &path, manifest).await;
        assert_eq!(pushed.status, StatusCode::CREATED, "{pushed}");
    }

    async fn v2(&self, method: &str, path: &str, content: &Content) -> Answer {
        let request = authorized(Request::builder(), "admin", PASSWORD)
            .method(method)
            .uri(path)
            .header("content-type", &content.media_type)
            .header("content-length", content.bytes.len())
            .body(Body::from(content.bytes.clone()));
        self.answer(request.unwrap()).await
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        self.send(user, &format!("GET {path}"), Value::Null).await
    }

    /// `user` (empty for nobody) sends `METHOD /path` with a body, if it is not
    /// null.
    pub(crate) async fn send(&self, user: &str, line: &str, body: Value) -> Answer {
        self.send_as(user, PASSWORD, line, body).await
    }

    pub(crate) async fn send_as(
        &self,
        user: &str,
        password: &str,
        line: &str,
        body: Value,
    ) -> Answer {
        let mut request = request(line);
        if !user.is_empty() {
            request = authorized(request, user, password);
        }
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()))
        };
        self.answer(request.unwrap()).await
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

pub(crate) fn first_start() -> FirstStart {
    FirstStart {
        admin_password: NewPassword::new(Secret::new(PASSWORD)).unwrap(),
        dockerhub: None,
    }
}

/// A request for `METHOD /path` under the API's base path.
pub(crate) fn request(line: &str) -> http::request::Builder {
    let (method, path) = line.split_once(' ').unwrap();
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("/api/v2.0{path}"))
}

pub(crate) fn authorized(
    request: http::request::Builder,
    user: &str,
    password: &str,
) -> http::request::Builder {
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    request.header("authorization", format!("Basic {credentials}"))
}

/// What came back. Displays as status, headers that matter, and body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The value of one field in each item of a list.
    pub(crate) fn each(&self, field: &str) -> Vec<String> {
        let Value::Array(items) = self.json() else {
            return vec![self.to_string()];
        };
        let text = |item: &Value| match &item[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        items.iter().map(text).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and error code.
    pub(crate) fn failure(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let code = body["errors"][0]["code"].as_str().unwrap_or_default();
        (self.status.as_u16(), code.to_owned())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.status)?;
        for name in HEADERS {
            if self.headers.contains_key(name) {
                writeln!(formatter, "{name}: {}", self.header(name))?;
            }
        }
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json) => write!(formatter, "{}", without_digests(&format!("{json:#}"))),
            Err(_) => formatter.write_str(&self.body),
        }
    }
}

/// A text with each digest's hexadecimal digits left out.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("sha256:..");
        shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    shown
}
