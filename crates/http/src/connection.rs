//! What the server knows of a request beyond what the request says.

use std::net::IpAddr;

/// The connection that a request came by. The server puts it into the
/// request's extensions.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The peer's address; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
    /// Whether it is encrypted.
    pub tls: bool,
    /// The registry that this listener is a mirror of, such as `docker.io`.
    pub mirror: Option<String>,
}
