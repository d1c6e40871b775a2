//! An S3 one request of which fails: it stands before the real one.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
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

/// How many requests go well before the one that fails.
type Plan = Arc<Mutex<Option<(usize, Fault)>>>;

#[derive(Clone)]
struct Proxy {
    endpoint: String,
    client: reqwest::Client,
    plan: Plan,
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
        *self.plan.lock().unwrap() = Some((after, fault));
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
        let (after, fault) = (*plan)?;
        *plan = after.checked_sub(1).map(|after| (after, fault));
        plan.is_none().then_some(fault)
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
    let (status, headers, bytes) = proxy.forward(method, &uri, headers, body).await;
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
