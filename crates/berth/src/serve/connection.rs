//! One connection: HTTP/1.1 or HTTP/2, with limits on what the client may
//! leave undone.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use berth_http::Connection;
use berth_ports::FileSpan;
use berth_settings::Limits;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::time::sleep;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

use super::leftover;
use super::send_file::{FileBody, FileStream, Outgoing};
use super::socket::Stream;
use super::stall::WriteLimit;
use super::stop::Part;
use super::taking::{Taking, Watched};

/// Bytes of a request's line and headers. Tokens of ours with 100 scopes fit.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Bytes that are read from a connection at once. hyper has one limit for this
/// and for headers; bodies come in a sixth to a quarter faster with more than
/// headers need.
const READ_BYTES: usize = 256 * 1024;

/// Requests at once on one connection. Each answer holds on to some hundred
/// kilobytes if the client does not take them.
const MAX_STREAMS: u32 = 32;

/// How long an HTTP/2 client may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Says that no other request can follow.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// How often an HTTP/2 client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// What answers requests on a connection, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) routes: Router,
    pub(crate) connection: Connection,
    pub(crate) limits: Limits,
}

impl Serving {
    /// Answers requests until the client is done, breaks a limit, or the server
    /// stops; then after the requests under way.
    pub(crate) async fn serve(self, stream: Box<dyn Stream>, mut part: Part) {
        let limits = self.limits;
        let outgoing = stream.takes_files().then(Outgoing::default);
        let stream = WriteLimit::new(stream, limits.idle_body);
        let stream = FileStream::new(stream, outgoing.clone().unwrap_or_default());
        let stream = TokioIo::new(stream);
        let begun = Arc::new(AtomicBool::new(false));
        let answered = Arc::clone(&begun);
        let taking = Taking::new();
        let taken = taking.clone();
        let service = service_fn(move |request| {
            answered.store(true, Ordering::Relaxed);
            let outgoing = outgoing.clone();
            self.clone().answer(request, taken.clone(), outgoing)
        });
        let builder = builder(&limits);
        let connection = builder.serve_connection(stream, service);
        tokio::pin!(connection);
        // hyper limits the time for headers only once it knows the protocol.
        let first_request = sleep(limits.header);
        tokio::pin!(first_request);
        let stalled = taking.stalled(limits.idle_body);
        tokio::pin!(stalled);
        let (mut early, mut stopping) = (true, false);
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(error, "connection broke off");
                    }
                    return;
                }
                () = first_request.as_mut(), if early => {
                    early = false;
                    if !begun.load(Ordering::Relaxed) {
                        tracing::debug!("connection closed, no request came in time");
                        return;
                    }
                }
                () = stalled.as_mut() => {
                    tracing::debug!("connection closed, the client takes no answers");
                    return;
                }
                () = part.requested(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        self,
        request: Request<Incoming>,
        taking: Taking,
        outgoing: Option<Outgoing>,
    ) -> Result<Response<Watched>, Infallible> {
        let turn = taking.begin();
        if header_bytes(&request) > MAX_HEADER_BYTES {
            let mut response = Response::new(Watched::new(Body::empty(), turn));
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            response.headers_mut().insert(CONNECTION, CLOSE);
            return Ok(response);
        }
        // HTTP/2 puts frames around a body's bytes.
        let outgoing = outgoing.filter(|_| request.version() <= Version::HTTP_11);
        let idle = self.limits.idle_body;
        let (request, leftover) = leftover::lend(request);
        let mut request = request.map(|body| Body::new(TimeoutBody::new(idle, body)));
        request.extensions_mut().insert(self.connection);
        let mut response = self.routes.oneshot(request).await?;
        if !leftover.read().await {
            response.headers_mut().insert(CONNECTION, CLOSE);
        }
        let file = response.extensions_mut().remove::<FileSpan>();
        let file = file.zip(outgoing);
        let file = file.and_then(|(file, outgoing)| FileBody::new(file, &outgoing));
        Ok(response.map(|body| match file {
            Some(file) => Watched::file(file, turn),
            None => Watched::new(body, turn),
        }))
    }
}

/// How long the request's line and headers are, about.
fn header_bytes(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query();
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>()
        + target.map_or(0, |target| target.as_str().len())
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(READ_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX));
    builder
}
