//! One listening host, that can stop and come back on its port.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::lock;

/// Answers a request, or with `None` closes its connection.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    fn answer(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> impl Future<Output = Option<Response<Body>>> + Send;
}

/// A host: an address, and perhaps a task that listens there.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Listening {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// Bound but not listening: connections are refused, and nobody else gets
    /// the port.
    Reserved(TcpSocket),
    /// Between the two.
    Changing,
}

impl Server {
    /// Reserves a port on `ip`; nobody listens yet.
    pub(super) fn reserve(ip: Ipv4Addr) -> io::Result<Self> {
        let socket = bind(SocketAddr::from((ip, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            state: Mutex::new(State::Reserved(socket)),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens, unless it does.
    pub(super) fn start(&self, answer: impl Answer) -> io::Result<()> {
        let mut state = lock(&self.state);
        if let State::Reserved(socket) = std::mem::replace(&mut *state, State::Changing) {
            let listener = socket.listen(1024)?;
            let (stop, stopped) = oneshot::channel();
            let task = tokio::spawn(serve(listener, answer, stopped));
            *state = State::Listening { stop, task };
        }
        Ok(())
    }

    /// Stops listening, unless it has, and closes all connections.
    pub(super) async fn stop(&self) -> io::Result<()> {
        let before = std::mem::replace(&mut *lock(&self.state), State::Changing);
        let after = match before {
            State::Listening { stop, task } => {
                drop(stop);
                // The task only ends; it has nothing to report.
                let _ = task.await;
                State::Reserved(bind(self.address)?)
            }
            other => other,
        };
        *lock(&self.state) = after;
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Else the port of a stopped host stays taken by its closed connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until the sender of `stopped` is dropped.
async fn serve(listener: TcpListener, answer: impl Answer, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve_connection(stream, answer.clone()));
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, answer: impl Answer) {
    // Without it a chunk let through by a gate may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let connection = Connection::default();
    let service = service_fn(|request| {
        let answer = answer.clone();
        let connection = connection.clone();
        async move {
            let response = answer.answer(request, connection).await;
            response.ok_or_else(|| io::Error::other("closed by a fault"))
        }
    });
    let stream = Watched {
        stream,
        connection: connection.clone(),
    };
    // An error is a client that went away, or a fault that was asked for.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Knows when everything written to a connection has gone out.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection(Arc<watch::Sender<()>>);

impl Connection {
    /// Waits for the next flush.
    pub(super) async fn flushed(&self) {
        // The sender lives in self, so the channel cannot close meanwhile.
        let _ = self.0.subscribe().changed().await;
    }
}

/// A stream that reports its flushes.
struct Watched {
    stream: TcpStream,
    connection: Connection,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.connection.0.send_replace(());
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
