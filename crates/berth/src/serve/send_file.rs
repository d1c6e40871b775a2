//! Files to clients without a copy: the system sends them from its own memory
//! (sendfile).
//!
//! hyper knows bodies of bytes only. So the body of a file is made of
//! placeholders, slices of one region that nothing else is in, and the stream
//! below hyper sends as many bytes of the file in their place. hyper must hand
//! the slices down as they are: a body that hears of bytes taken that the
//! stream has not sent breaks the connection before anything is written.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use berth_ports::{FileSpan, Span, StoreResult};
use hyper::body::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};

use super::socket::Stream;
use super::stall::WriteLimit;

/// The most bytes of a file that are on their way at once.
const SEGMENT: usize = 1024 * 1024;

/// So far behind its writer, a file is in memory: it was written a moment ago.
const FRESH: u64 = 8 * 1024 * 1024;

/// Fewer bytes are as soon copied, together with the headers.
const WORTHWHILE: u64 = 32 * 1024;

/// What stands for a file's bytes. Nobody reads it, so it takes no memory.
static PLACEHOLDER: LazyLock<Box<[u8]>> = LazyLock::new(|| vec![0; SEGMENT].into());

fn is_placeholder(slice: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&slice.as_ptr())
}

/// The files on their way to a connection's client. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    segments: VecDeque<Segment>,
    /// Bytes that were sent and that their bodies have not heard of.
    sent: usize,
    /// Placeholders went where they should not.
    broken: bool,
}

/// Bytes that a placeholder stands for.
#[derive(Clone, Debug)]
struct Segment {
    file: Arc<File>,
    span: Span,
}

impl Outgoing {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a file.
pub(crate) struct FileBody {
    rest: FileSpan,
    outgoing: Outgoing,
    next: Next,
}

/// What the next segment waits for.
enum Next {
    /// For nothing: what can be read up to here is in memory.
    Ready(u64),
    /// For the disk; the same then.
    Loading(JoinHandle<io::Result<()>>, u64),
    /// For more to be written: up to where it can be read then.
    Arriving(Pin<Box<dyn Future<Output = StoreResult<u64>> + Send>>),
}

impl FileBody {
    /// A body for a connection, if that is worthwhile.
    pub(crate) fn new(file: FileSpan, outgoing: &Outgoing) -> Option<Self> {
        if file.span.len() < WORTHWHILE {
            return None;
        }
        let mut body = Self {
            rest: file,
            outgoing: outgoing.clone(),
            next: Next::Ready(0),
        };
        body.begin();
        Some(body)
    }

    /// How many bytes are still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.rest.span.len()
    }

    /// Up to a segment of what is left and can be read.
    fn segment(&self, readable: u64) -> Span {
        let Span { start, end } = self.rest.span;
        let end = end.min(start + SEGMENT as u64).min(readable);
        Span { start, end }
    }

    /// Begins to wait for the next segment.
    fn begin(&mut self) {
        let Span { start, end } = self.rest.span;
        if let Some(arrival) = self.rest.arrival.clone()
            && start < end
        {
            let arriving = async move { arrival.wait(start, end).await };
            self.next = Next::Arriving(Box::pin(arriving));
            return;
        }
        self.load(end);
    }

    /// Has the next segment read unless it is in memory.
    fn load(&mut self, readable: u64) {
        let (span, file) = (self.segment(readable), &self.rest.file);
        self.next = if span.is_empty() || is_in_memory(file, span) {
            Next::Ready(readable)
        } else {
            let file = Arc::clone(file);
            Next::Loading(spawn_blocking(move || load(&file, span)), readable)
        };
    }

    /// Up to where the file can be sent now.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        loop {
            match &mut self.next {
                Next::Ready(readable) => return Poll::Ready(Ok(*readable)),
                Next::Loading(loading, readable) => {
                    let loaded = ready!(Pin::new(loading).poll(context));
                    loaded.unwrap_or_else(|error| Err(io::Error::other(error)))?;
                    self.next = Next::Ready(*readable);
                }
                Next::Arriving(arriving) => {
                    let readable = ready!(arriving.as_mut().poll(context));
                    let readable = readable.map_err(io::Error::other)?;
                    if readable - self.rest.span.start <= FRESH {
                        self.next = Next::Ready(readable);
                    } else {
                        self.load(readable);
                    }
                }
            }
        }
    }

    /// The next placeholder, once the system has its bytes in memory: to send
    /// them does not wait for a disk then. Those behind it are read meanwhile.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Placeholder>>> {
        if self.rest.span.is_empty() {
            return Poll::Ready(None);
        }
        let span = match ready!(self.poll_readable(context)) {
            Ok(readable) => self.segment(readable),
            Err(error) => {
                self.rest.span.start = self.rest.span.end;
                return Poll::Ready(Some(Err(error)));
            }
        };
        let file = Arc::clone(&self.rest.file);
        let segment = Segment { file, span };
        self.outgoing.queue().segments.push_back(segment);
        self.rest.span.start = span.end;
        self.begin();
        Poll::Ready(Some(Ok(Placeholder {
            left: usize::try_from(span.len()).unwrap_or(SEGMENT),
            outgoing: self.outgoing.clone(),
        })))
    }
}

impl fmt::Debug for FileBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FileBody")
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

/// Whether the first and the last byte are in the system's memory: what lies
/// between was read with them.
#[cfg(target_os = "linux")]
fn is_in_memory(file: &File, span: Span) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let probe = |offset| {
        let mut byte = [0];
        let mut slices = [io::IoSliceMut::new(&mut byte)];
        preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT).is_ok()
    };
    probe(span.start) && probe(span.end - 1)
}

/// Other systems do not say what they have in memory.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &File, _: Span) -> bool {
    false
}

/// Has the system read a part of a file. Blocks.
fn load(file: &File, span: Span) -> io::Result<()> {
    let mut scratch = [0; 16 * 1024];
    let mut offset = span.start;
    while offset < span.end {
        match file.read_at(&mut scratch, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => offset += length as u64,
        }
    }
    Ok(())
}

/// Stands for bytes of a file that the stream sends.
#[derive(Debug)]
pub(crate) struct Placeholder {
    left: usize,
    outgoing: Outgoing,
}

impl Buf for Placeholder {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        &PLACEHOLDER[..self.left]
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        let mut queue = self.outgoing.queue();
        match queue.sent.checked_sub(count) {
            Some(sent) => queue.sent = sent,
            None => queue.broken = true,
        }
    }
}

/// A stream that sends files where it is given placeholders.
pub(crate) struct FileStream<S> {
    stream: WriteLimit<S>,
    outgoing: Outgoing,
}

impl<S: Stream> FileStream<S> {
    pub(crate) fn new(stream: WriteLimit<S>, outgoing: Outgoing) -> Self {
        Self { stream, outgoing }
    }

    fn check(&self) -> io::Result<()> {
        if self.outgoing.queue().broken {
            return Err(io::Error::other("a file's placeholder was taken for bytes"));
        }
        Ok(())
    }

    /// Sends up to `length` bytes of the first file.
    fn poll_send(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        let first = self.outgoing.queue().segments.front().cloned();
        let Some(Segment { file, mut span }) = first else {
            return Poll::Ready(Err(io::Error::other("a placeholder without a file")));
        };
        span.end = span.end.min(span.start + length as u64);
        let sent = ready!(self.stream.poll_send_file(context, &file, span))?;
        if sent == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut queue = self.outgoing.queue();
        queue.sent += sent;
        if let Some(first) = queue.segments.front_mut() {
            first.span.start += sent as u64;
            if first.span.is_empty() {
                queue.segments.pop_front();
            }
        }
        Poll::Ready(Ok(sent))
    }
}

impl<S: Stream> AsyncRead for FileStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Stream> AsyncWrite for FileStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        if is_placeholder(bytes) {
            return self.poll_send(context, bytes.len());
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let Some(first) = slices.iter().position(|slice| is_placeholder(slice)) else {
            return Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        };
        match slices[..first].iter().find(|slice| !slice.is_empty()) {
            None => self.poll_send(context, slices[first].len()),
            // Headers go with the first bytes of their file.
            Some(plain) => self.stream.poll_write_more(context, plain),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use async_trait::async_trait;
    use berth_ports::{Arrival, StoreError};
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::watch;

    use super::*;

    const HEAD: &[u8] = b"head";

    /// A file of so many bytes, none of them 0, and what it holds.
    fn file(length: usize) -> (Arc<File>, Vec<u8>) {
        let bytes: Vec<_> = (1..=251).cycle().take(length).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        (Arc::new(file), bytes)
    }

    fn span(file: &Arc<File>, start: u64, end: u64) -> FileSpan {
        let file = Arc::clone(file);
        FileSpan {
            file,
            span: Span { start, end },
            arrival: None,
        }
    }

    /// Our end of a connection that takes files, and the client's.
    async fn connection(outgoing: &Outgoing) -> (FileStream<Box<dyn Stream>>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        let ours: Box<dyn Stream> = Box::new(listener.accept().await.unwrap().0);
        let ours = WriteLimit::new(ours, Duration::from_mins(1));
        (FileStream::new(ours, outgoing.clone()), client.unwrap())
    }

    /// Writes as hyper does: what is left of the bytes, and a placeholder.
    async fn write(
        stream: &mut FileStream<Box<dyn Stream>>,
        mut head: &[u8],
        mut placeholder: Placeholder,
    ) -> io::Result<()> {
        while placeholder.has_remaining() {
            let slices = [IoSlice::new(head), IoSlice::new(placeholder.chunk())];
            let written = stream.write_vectored(&slices).await?;
            let of_head = written.min(head.len());
            head.advance(of_head);
            if written > of_head {
                placeholder.advance(written - of_head);
            }
        }
        Ok(())
    }

    async fn next(body: &mut FileBody) -> Option<Placeholder> {
        let next = std::future::poll_fn(|context| body.poll_next(context)).await;
        next.transpose().unwrap()
    }

    #[tokio::test]
    async fn a_file_is_sent_in_place_of_its_placeholders_and_other_bytes_as_they_are() {
        let outgoing = Outgoing::default();
        let (mut ours, mut theirs) = connection(&outgoing).await;
        let (file, bytes) = file(3 * SEGMENT);
        let (start, end) = (7, 2 * SEGMENT + 100);
        let body = FileBody::new(span(&file, start as u64, end as u64), &outgoing);
        let mut body = body.unwrap();
        let received = tokio::spawn(async move {
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.map(|_| received)
        });
        while let Some(placeholder) = next(&mut body).await {
            write(&mut ours, HEAD, placeholder).await.unwrap();
        }
        drop(ours);
        let received = received.await.unwrap().unwrap();
        let mut whole = Vec::new();
        for segment in bytes[start..end].chunks(SEGMENT) {
            whole.extend_from_slice(HEAD);
            whole.extend_from_slice(segment);
        }
        assert!(received == whole, "{} bytes", received.len());
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_its_body_breaks_the_stream() {
        let outgoing = Outgoing::default();
        let (mut ours, _theirs) = connection(&outgoing).await;
        let (file, _) = file(100_000);
        let mut body = FileBody::new(span(&file, 0, 100_000), &outgoing).unwrap();
        let placeholder = next(&mut body).await.unwrap();
        file.set_len(0).unwrap();
        let error = write(&mut ours, b"", placeholder).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_placeholder_that_was_taken_for_bytes_breaks_the_stream() {
        let outgoing = Outgoing::default();
        let (mut ours, _theirs) = connection(&outgoing).await;
        let (file, _) = file(100_000);
        let mut body = FileBody::new(span(&file, 0, 100_000), &outgoing).unwrap();
        let mut placeholder = next(&mut body).await.unwrap();
        let copy = placeholder.copy_to_bytes(10);
        assert!(ours.write_all(&copy).await.is_err());
    }

    /// Bytes that can be read up to what was said last.
    #[derive(Debug)]
    struct Reach(watch::Receiver<u64>);

    #[async_trait]
    impl Arrival for Reach {
        async fn wait(&self, offset: u64, end: u64) -> StoreResult<u64> {
            let mut reach = self.0.clone();
            let reached = reach.wait_for(|reach| *reach > offset).await;
            let reached = reached.map_err(|_| StoreError::unavailable("it ended"))?;
            Ok(end.min(*reached))
        }
    }

    #[tokio::test]
    async fn a_file_that_grows_is_sent_as_far_as_it_has_come() {
        let (file, _) = file(100_000);
        let (reach, reached) = watch::channel(0);
        let mut growing = span(&file, 0, 100_000);
        growing.arrival = Some(Arc::new(Reach(reached)));
        let mut body = FileBody::new(growing, &Outgoing::default()).unwrap();
        assert!(next(&mut body).now_or_never().is_none());
        for (reached, length) in [(10_000, 10_000), (99_999, 89_999), (200_000, 1)] {
            reach.send_replace(reached);
            assert_eq!(next(&mut body).await.unwrap().remaining(), length);
        }
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn a_file_that_stops_growing_ends_its_body_with_an_error() {
        let (file, _) = file(100_000);
        let (reach, reached) = watch::channel(10_000);
        let mut growing = span(&file, 0, 100_000);
        growing.arrival = Some(Arc::new(Reach(reached)));
        let mut body = FileBody::new(growing, &Outgoing::default()).unwrap();
        assert_eq!(next(&mut body).await.unwrap().remaining(), 10_000);
        drop(reach);
        let ended = std::future::poll_fn(|context| body.poll_next(context)).await;
        assert!(ended.unwrap().is_err());
    }

    #[test]
    fn a_few_bytes_are_sent_with_their_head() {
        let (file, _) = file(100);
        assert!(FileBody::new(span(&file, 0, 100), &Outgoing::default()).is_none());
    }
}
