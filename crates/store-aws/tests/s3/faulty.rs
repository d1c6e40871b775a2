//! An S3 one request of which fails: it stands before the real one. It is as
//! strict as that of AWS where the real one is not.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri};
use berth_store_aws::S3Settings;
use futures_util::stream;
use tokio::net::TcpListener;

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done, and the answer breaks off in its middle.
    Broken,
    /// There are too many requests: it is not done.
    SlowDown,
    /// The service has an error of its own: it is not done.
    Failed,
    /// Another request writes the same key: it is not done. One that has no
    /// condition is.
    Conflict,
}

/// Which requests fail.
struct Failures {
    /// So many go well before.
    after: usize,
    fault: Fault,
    /// So many fail.
    times: usize,
}

type Plan = Arc<Mutex<Option<Failures>>>;

#[derive(Clone)]
struct Proxy {
    endpoint: String,
    client: reqwest::Client,
    plan: Plan,
    /// The uploads of which a part had a checksum.
    checked: Arc<Mutex<HashSet<String>>>,
}

/// Stands before the S3 of some settings.
pub(crate) struct FaultyS3 {
    plan: Plan,
    pub(crate) settings: S3Settings,
}

impl FaultyS3 {
    pub(crate) async fn before(settings: &S3Settings) -> Self {
        let plan = Plan::default();
        let proxy = Proxy {
            endpoint: settings.endpoint.clone().unwrap(),
            client: reqwest::Client::new(),
            plan: plan.clone(),
            checked: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(proxy);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = S3Settings {
            endpoint: Some(address),
            ..settings.clone()
        };
        Self { plan, settings }
    }

    /// After so many more requests, one fails so.
    pub(crate) fn fail(&self, after: usize, fault: Fault) {
        self.plan_for(after, fault, 1);
    }

    /// The next so many requests fail so.
    pub(crate) fn fail_often(&self, times: usize, fault: Fault) {
        self.plan_for(0, fault, times);
    }

    fn plan_for(&self, after: usize, fault: Fault, times: usize) {
        *self.plan.lock().unwrap() = Some(Failures {
            after,
            fault,
            times,
        });
    }

    /// Lets all requests go well; whether one had failed.
    pub(crate) fn heal(&self) -> bool {
        self.plan.lock().unwrap().take().is_none()
    }
}

impl Proxy {
    /// The fault of the request that comes now.
    fn fault(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let failures = plan.as_mut()?;
        if failures.after > 0 {
            failures.after -= 1;
            return None;
        }
        let fault = failures.fault;
        failures.times -= 1;
        if failures.times == 0 {
            *plan = None;
        }
        Some(fault)
    }

    /// Why AWS refuses a request that others take: parts with checksums must be
    /// numbered without gaps, and S3 says so only when they are put together.
    fn refusal(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<&'static str> {
        let upload = parameter(uri, "uploadId")?;
        let mut checked = self.checked.lock().unwrap();
        if method == Method::PUT && headers.keys().any(is_of_checksum) {
            checked.insert(upload);
        } else if method == Method::POST && checked.contains(&upload) && has_gaps(body) {
            return Some("InvalidPartOrder");
        }
        None
    }

    async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let address = format!("{}{uri}", self.endpoint);
        let request = self.client.request(method, address).headers(headers);
        let answer = request.body(body).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap())
    }
}

/// Whether an address is that of a bucket. One's own can be made again and
/// again in the oldest region, as if it had not been there.
fn is_bucket(uri: &Uri) -> bool {
    uri.path().trim_matches('/').split('/').count() == 1 && uri.query().is_none()
}

/// What a parameter of an address is, if it is there.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let all = uri
        .query()?
        .split('&')
        .filter_map(|one| one.split_once('='));
    let value = all.into_iter().find(|(key, _)| *key == name)?.1;
    Some(value.to_owned())
}

fn is_of_checksum(header: &HeaderName) -> bool {
    let beginnings = [
        "x-amz-checksum-",
        "x-amz-trailer",
        "x-amz-sdk-checksum-algorithm",
    ];
    beginnings
        .iter()
        .any(|beginning| header.as_str().starts_with(beginning))
}

/// Whether the parts that are to be put together are others than 1, 2, 3..
fn has_gaps(body: &Bytes) -> bool {
    let text = std::str::from_utf8(body).unwrap();
    let parts = text.split("<PartNumber>").skip(1);
    parts
        .zip(1..)
        .any(|(part, number)| !part.starts_with(&format!("{number}<")))
}

async fn answer(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let fault = proxy.fault();
    let internal = StatusCode::INTERNAL_SERVER_ERROR;
    match fault {
        Some(Fault::SlowDown) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Failed) => return refuse(internal, "InternalError"),
        Some(Fault::Conflict) if headers.contains_key("if-none-match") => {
            return refuse(StatusCode::CONFLICT, "ConditionalRequestConflict");
        }
        _ => {}
    }
    if let Some(code) = proxy.refusal(&method, &uri, &headers, &body) {
        return refuse(StatusCode::BAD_REQUEST, code);
    }
    let makes_bucket = method == Method::PUT && is_bucket(&uri);
    let (status, headers, bytes) = proxy.forward(method, &uri, headers, body).await;
    if makes_bucket && status == StatusCode::CONFLICT {
        return Response::default();
    }
    if fault == Some(Fault::AnswerLost) {
        return refuse(internal, "InternalError");
    }
    let body = match fault {
        Some(Fault::Broken) if !bytes.is_empty() => {
            let half = bytes.slice(..bytes.len() / 2);
            let end = Err(std::io::Error::other("cut"));
            Body::from_stream(stream::iter([Ok(half), end]))
        }
        _ => Body::from(bytes),
    };
    let mut response = Response::builder().status(status);
    *response.headers_mut().unwrap() = headers;
    response.body(body).unwrap()
}

fn refuse(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!("<Error><Code>{code}</Code><Message>fault</Message></Error>");
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .body(Body::from(text))
        .unwrap()
}
