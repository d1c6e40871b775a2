//! One log line and one set of metrics for each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use berth_ports::{Clock, Ids};
use http::Method;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use metrics::SharedString;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The pattern of the route that answered, put into the response's extensions
/// by routers that axum's own matcher does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern(pub(crate) &'static str);

/// What observation needs of the host.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    clock: Arc<dyn Clock>,
    ids: Arc<RequestIds>,
}

impl Observer {
    pub(crate) fn new(clock: Arc<dyn Clock>, ids: &dyn Ids) -> Self {
        let ids = RequestIds {
            first: ids.fresh().0,
            given: AtomicU64::new(0),
        };
        Self {
            clock,
            ids: Arc::new(ids),
        }
    }
}

/// Names for requests: one fresh id, counted on. They are no secrets, and
/// randomness for each would cost a system call.
#[derive(Debug)]
struct RequestIds {
    first: u128,
    given: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> HeaderValue {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:032x}", self.first.wrapping_add(number.into()));
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
    }
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

/// The beginning of a text, for logs.
fn beginning(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => &text[..end],
        None => text,
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
    let id = given.unwrap_or_else(|| observer.ids.next());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let method = request.method().clone();
    let uri = request.uri().clone();
    let agent = request.headers().get(USER_AGENT).cloned();
    let matched = request.extensions().get::<MatchedPath>().cloned();

    let mut response = next.run(request).await;

    let elapsed = observer.clock.now().duration_since(started).as_secs_f64();
    let status = response.status();
    let agent = agent.as_ref().and_then(|agent| agent.to_str().ok());
    tracing::info!(
        target: "berth::request",
        id = id.to_str().unwrap_or_default(),
        method = method.as_str(),
        path = beginning(uri.path(), 300),
        status = status.as_u16(),
        seconds = elapsed,
        agent = beginning(agent.unwrap_or_default(), 200),
        "request"
    );
    let route = match (response.extensions().get::<Pattern>(), &matched) {
        (Some(pattern), _) => SharedString::const_str(pattern.0),
        (None, Some(matched)) => format!("{} {}", known(&method), matched.as_str()).into(),
        (None, None) => SharedString::const_str("unknown"),
    };
    metrics::counter!("http_requests_total", "route" => route.clone(), "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route).record(elapsed);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
