//! Whether a connection's client takes what it asked for. HTTP/2 has a window
//! for each stream: a client may leave answers lying while the connection
//! itself stays writable.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Buf, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use super::send_file::{FileBody, Placeholder};

/// What one connection's answers wait for. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Taking(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// Answers that wait for this server.
    ours: usize,
    /// Pieces of answers that wait for the client.
    theirs: usize,
    /// When any of this last changed, or the client took a byte.
    changed: Instant,
}

impl Taking {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            ours: 0,
            theirs: 0,
            changed: Instant::now(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counts are right at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.changed = Instant::now();
    }

    /// Notes that an answer is being worked on.
    pub(crate) fn begin(&self) -> Turn {
        self.change(|state| state.ours += 1);
        Turn {
            taking: self.clone(),
            ours: true,
        }
    }

    /// Ends once the client took no byte for as long as `limit` although there
    /// were some, and waits for nothing of ours.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let State {
                ours,
                theirs,
                changed,
            } = *self.state();
            let now = Instant::now();
            let waits = ours == 0 && theirs > 0;
            if waits && now >= changed + limit {
                return;
            }
            let since = if waits { changed } else { now };
            sleep_until(since + limit).await;
        }
    }
}

/// Whose turn it is with an answer.
#[derive(Debug)]
pub(crate) struct Turn {
    taking: Taking,
    ours: bool,
}

impl Turn {
    fn set(&mut self, ours: bool) {
        if ours != self.ours {
            self.ours = ours;
            self.taking.change(|state| {
                state.ours = if ours { state.ours + 1 } else { state.ours - 1 };
            });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// An answer's body whose pieces are watched until they are sent.
#[derive(Debug)]
pub(crate) struct Watched {
    source: Source,
    turn: Turn,
}

#[derive(Debug)]
enum Source {
    Body(Body),
    File(FileBody),
}

impl Watched {
    pub(crate) fn new(body: Body, turn: Turn) -> Self {
        let source = Source::Body(body);
        Self { source, turn }
    }

    pub(crate) fn file(body: FileBody, turn: Turn) -> Self {
        let source = Source::File(body);
        Self { source, turn }
    }
}

impl Source {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Content>, axum::Error>>> {
        match self {
            Self::Body(body) => Pin::new(body)
                .poll_frame(context)
                .map_ok(|frame| frame.map_data(Content::Bytes)),
            Self::File(body) => body
                .poll_next(context)
                .map_ok(|placeholder| Frame::data(Content::File(placeholder)))
                .map_err(axum::Error::new),
        }
    }
}

impl HttpBody for Watched {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        let polled = self.source.poll_frame(context);
        self.turn.set(polled.is_pending());
        let taking = &self.turn.taking;
        polled.map_ok(|frame| frame.map_data(|content| Piece::new(content, taking.clone())))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Body(body) => body.is_end_stream(),
            Source::File(body) => body.remaining() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Body(body) => body.size_hint(),
            Source::File(body) => SizeHint::with_exact(body.remaining()),
        }
    }
}

/// Bytes on their way to the client.
#[derive(Debug)]
pub(crate) struct Piece {
    content: Content,
    taking: Taking,
}

#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    File(Placeholder),
}

impl Piece {
    fn new(content: Content, taking: Taking) -> Self {
        taking.change(|state| state.theirs += 1);
        Self { content, taking }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match &self.content {
            Content::Bytes(bytes) => bytes.remaining(),
            Content::File(placeholder) => placeholder.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes.chunk(),
            Content::File(placeholder) => placeholder.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match &mut self.content {
            Content::Bytes(bytes) => bytes.advance(count),
            Content::File(placeholder) => placeholder.advance(count),
        }
        self.taking.change(|_| {});
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.taking.change(|state| state.theirs -= 1);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::time::{sleep, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);
    const ALMOST: Duration = Duration::from_secs(59);

    /// A body whose bytes never come.
    struct Late;

    impl HttpBody for Late {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    async fn next(body: &mut Watched) -> Piece {
        body.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    async fn is_stalled(taking: &Taking, within: Duration) -> bool {
        timeout(within, taking.stalled(LIMIT)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_that_nobody_takes_is_a_stall_even_if_it_is_the_last() {
        let taking = Taking::new();
        let mut body = Watched::new(Body::from("all of it"), taking.begin());
        let piece = next(&mut body).await;
        drop(body);
        assert!(!is_stalled(&taking, ALMOST).await);
        assert!(is_stalled(&taking, Duration::from_secs(1)).await);
        drop(piece);
        assert!(!is_stalled(&taking, 9 * LIMIT).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_is_waited_for() {
        let taking = Taking::new();
        let mut body = Watched::new(Body::from("bytes"), taking.begin());
        let mut piece = next(&mut body).await;
        drop(body);
        let slowly = async {
            while piece.has_remaining() {
                sleep(ALMOST).await;
                piece.advance(1);
            }
        };
        tokio::select! {
            () = slowly => {}
            () = taking.stalled(LIMIT) => panic!("it is no stall"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_us_is_no_stall_of_the_clients() {
        let taking = Taking::new();
        let handled = taking.begin();
        let mut left = Watched::new(Body::from("left"), taking.begin());
        let _left = next(&mut left).await;
        assert!(!is_stalled(&taking, 9 * LIMIT).await);

        let mut late = Watched::new(Body::new(Late), handled);
        assert!(timeout(LIMIT, late.frame()).await.is_err());
        assert!(!is_stalled(&taking, 9 * LIMIT).await);
        drop(late);
        assert!(is_stalled(&taking, LIMIT).await);
    }
}
