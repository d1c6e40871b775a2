//! What a client still sends when its request is answered already, as one that
//! is refused in the middle of a push.
//!
//! On HTTP/1.1 the next request comes after it. hyper closes such a connection,
//! after an answer that does not say so: a client that had sent all would lose
//! its next request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::header::EXPECT;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How much is read before an answer: what clients have on the way, and small
/// blobs as a whole.
const BYTES: usize = 1024 * 1024;

/// How long an answer waits for it.
const TIME: Duration = Duration::from_secs(1);

/// A request's body, given back where nobody reads it to its end.
#[derive(Debug)]
pub(super) struct Lent {
    body: Option<Incoming>,
    /// Whether the client sends without being asked to.
    comes: bool,
    owner: Option<Arc<Mutex<Rest>>>,
}

/// What is left of a body.
#[derive(Debug, Default)]
enum Rest {
    /// Nothing, or it is still being read.
    #[default]
    Nothing,
    /// Bytes that come.
    Comes(Incoming),
    /// Bytes that a client sends once it is asked to (`Expect: 100-continue`).
    Waits,
}

/// The rest of a request's body, once there is an answer.
#[derive(Debug)]
pub(super) struct Leftover(Option<Arc<Mutex<Rest>>>);

/// Lends a request's body to who answers it.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Lent>, Leftover) {
    // Streams of HTTP/2 end one by one.
    let follows = request.version() <= Version::HTTP_11 && !request.body().is_end_stream();
    let owner = follows.then(Arc::default);
    let comes = !request.headers().contains_key(EXPECT);
    let request = request.map(|body| Lent {
        body: Some(body),
        comes,
        owner: owner.clone(),
    });
    (request, Leftover(owner))
}

impl Leftover {
    /// Reads the rest, if it is little and comes soon; whether another request
    /// can follow.
    pub(super) async fn read(self) -> bool {
        let rest = self.0.map(|rest| {
            let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *rest)
        });
        match rest {
            None | Some(Rest::Nothing) => true,
            Some(Rest::Waits) => false,
            Some(Rest::Comes(body)) => timeout(TIME, ends(body)).await.unwrap_or(false),
        }
    }
}

async fn ends(mut body: Incoming) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return false;
        };
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > BYTES {
            return false;
        }
    }
    true
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.comes = true;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(owner), Some(body)) = (&self.owner, self.body.take()) else {
            return;
        };
        if !body.is_end_stream() {
            let rest = if self.comes {
                Rest::Comes(body)
            } else {
                Rest::Waits
            };
            *owner.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        }
    }
}
