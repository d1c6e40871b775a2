//! One log line and one set of metrics for each request.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use berth_ports::{Clock, Ids};
use http::Method;
use http::header::{HeaderName, HeaderValue, USER_AGENT};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The pattern of the route that answered, put into the response's extensions
/// by routers that axum's own matcher does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern(pub(crate) &'static str);

/// What observation needs of the host.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// Whether a client's request id is one that we repeat in headers and logs.
fn is_id(value: &HeaderValue) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=128).contains(&value.len()) && value.as_bytes().iter().all(allowed)
}

/// A method as a label: one that clients made up is not.
fn known(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if KNOWN.contains(method) {
        method.as_str()
    } else {
        "OTHER"
    }
}

/// Gives a request its id, and logs and counts it when its response begins.
pub(crate) async fn observe(
    State(observer): State<Observer>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = observer.clock.now();
    let given = request
        .headers()
        .get(REQUEST_ID)
        .filter(|value| is_id(value))
        .cloned();
    let id = given.unwrap_or_else(|| {
        let fresh = format!("{:032x}", observer.ids.fresh().0);
        HeaderValue::from_str(&fresh).unwrap_or(HeaderValue::from_static("-"))
    });
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = request.method().clone();
    let path = request.uri().path().chars().take(300).collect::<String>();
    let agent = request
        .headers()
        .get(USER_AGENT)
        .and_then(|v| v.to_str().ok());
    let agent = agent
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect::<String>();
    let matched = request.extensions().get::<MatchedPath>().cloned();

    let mut response = next.run(request).await;

    let elapsed = observer.clock.now().duration_since(started).as_secs_f64();
    let status = response.status().as_u16();
    let id_text = id.to_str().unwrap_or_default();
    tracing::info!(
        target: "berth::request",
        id = id_text, %method, path, status, seconds = elapsed, agent,
        "request"
    );
    let route = match (response.extensions().get::<Pattern>(), &matched) {
        (Some(pattern), _) => pattern.0.to_owned(),
        (None, Some(matched)) => format!("{} {}", known(&method), matched.as_str()),
        (None, None) => "unknown".to_owned(),
    };
    metrics::counter!("http_requests_total", "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route).record(elapsed);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
