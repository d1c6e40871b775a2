//! Sockets to accept connections from.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, bail};
use berth_ports::Span;
use berth_settings::Listen;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::server::TlsStream;

/// A connection's bytes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Whether it takes files.
    fn takes_files(&self) -> bool {
        false
    }

    /// Writes bytes that others follow at once: the system may wait for those.
    fn poll_write_more(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write(context, bytes)
    }

    /// Writes bytes of a file: how many, 0 if there are none.
    fn poll_send_file(
        &mut self,
        _: &mut Context<'_>,
        _: &File,
        _: Span,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(ErrorKind::Unsupported.into()))
    }
}

impl Stream for UnixStream {}

/// What is encrypted goes through memory.
impl Stream for TlsStream<Box<dyn Stream>> {}

#[cfg(not(target_os = "linux"))]
impl Stream for TcpStream {}

#[cfg(target_os = "linux")]
impl Stream for TcpStream {
    fn takes_files(&self) -> bool {
        true
    }

    fn poll_write_more(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        use rustix::net::{SendFlags, send};
        poll_call(self, context, || {
            Ok(send(&*self, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
        })
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &File,
        span: Span,
    ) -> Poll<io::Result<usize>> {
        let length = usize::try_from(span.len()).unwrap_or(usize::MAX);
        poll_call(self, context, || {
            let mut offset = span.start;
            Ok(rustix::fs::sendfile(
                &*self,
                file,
                Some(&mut offset),
                length,
            )?)
        })
    }
}

/// Writes by a call of the system's as soon as the stream takes something.
#[cfg(target_os = "linux")]
fn poll_call(
    stream: &TcpStream,
    context: &mut Context<'_>,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        std::task::ready!(stream.poll_write_ready(context))?;
        match stream.try_io(tokio::io::Interest::WRITABLE, &mut call) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}

impl Stream for Box<dyn Stream> {
    fn takes_files(&self) -> bool {
        (**self).takes_files()
    }

    fn poll_write_more(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        (**self).poll_write_more(context, bytes)
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &File,
        span: Span,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_send_file(context, file, span)
    }
}

/// Who may connect to a Unix socket: its owner and group.
const SOCKET_MODE: u32 = 0o660;

/// A socket that was bound. Dropping it takes a Unix socket's file away.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl Socket {
    /// Binds the address.
    pub(crate) async fn bind(listen: &Listen) -> Result<Self> {
        let bound = match listen {
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Listen::Unix(path) => {
                remove_stale(path)?;
                bind_unix(path)
            }
        };
        bound.with_context(|| format!("cannot listen on {listen}, free it or name another address"))
    }

    /// The address that was bound; with its port if any was asked for.
    pub(crate) fn address(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, SocketFile(path)) => Ok(Listen::Unix(path.clone())),
        }
    }

    /// The next connection, with its peer's address.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer): (_, SocketAddr) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener, _) => Ok((Box::new(listener.accept().await?.0), None)),
        }
    }

    /// Whether others than this machine's processes could listen in.
    pub(crate) const fn is_network(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}

/// The file of a Unix socket; dropping it removes it.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Left behind, the next start removes it.
        let _ = fs::remove_file(&self.0);
    }
}

fn bind_unix(path: &Path) -> io::Result<Socket> {
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(Socket::Unix(listener, file))
}

/// Removes the file of a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> Result<()> {
    let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
    match fs::symlink_metadata(path).map(is_socket) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context(format!("{} cannot be used", path.display())),
        Ok(false) => bail!(
            "{} is there and is no socket, name another path",
            path.display()
        ),
        Ok(true) => {}
    }
    match net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .with_context(|| format!("the old socket {} cannot be removed", path.display())),
        _ => bail!(
            "{} is in use by another process, name another path",
            path.display()
        ),
    }
}
