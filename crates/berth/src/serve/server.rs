//! Accepting connections.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use berth_http::Connection;
use berth_settings::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::connection::Serving;
use super::socket::{Socket, Stream};
use super::stop::{Part, Stop};
use super::tls::Tls;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long to wait when the machine has no file descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// What all listeners have in common. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    limits: Limits,
    connections: Arc<Semaphore>,
    tls: Option<Arc<Tls>>,
    stop: Stop,
}

/// What one listener serves.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// What answers.
    pub(crate) routes: Router,
    /// The registry that it mirrors.
    pub(crate) mirror: Option<String>,
    /// Whether TLS is spoken where it is set up.
    pub(crate) tls: bool,
}

impl Server {
    pub(crate) fn new(limits: Limits, tls: Option<Arc<Tls>>, stop: Stop) -> Self {
        let connections = Arc::new(Semaphore::new(limits.connections));
        Self {
            limits,
            connections,
            tls,
            stop,
        }
    }

    /// Accepts connections from now on until the server stops.
    pub(crate) fn listen(&self, socket: Socket, face: Face) {
        let server = self.clone();
        tokio::spawn(async move {
            let mut part = server.stop.part();
            tokio::select! {
                () = part.requested() => {}
                () = server.accept_all(&socket, &face) => {}
            }
        });
    }

    async fn accept_all(&self, socket: &Socket, face: &Face) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok((stream, peer)) => {
                    let tls = self.tls.clone().filter(|_| face.tls && socket.is_network());
                    let serving = Serving {
                        routes: face.routes.clone(),
                        connection: Connection {
                            peer,
                            tls: tls.is_some(),
                            mirror: face.mirror.clone(),
                        },
                        limits: self.limits,
                    };
                    tokio::spawn(run(stream, tls, serving, self.stop.part(), permit));
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted, raise the limit of open files");
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput
    )
}

async fn run(
    stream: Box<dyn Stream>,
    tls: Option<Arc<Tls>>,
    serving: Serving,
    part: Part,
    _permit: OwnedSemaphorePermit,
) {
    let open = metrics::gauge!("http_connections");
    open.increment(1);
    if let Some(stream) = handshake(stream, tls).await {
        serving.serve(stream, part).await;
    }
    open.decrement(1);
}

async fn handshake(stream: Box<dyn Stream>, tls: Option<Arc<Tls>>) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(stream) };
    match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}
