//! Other registries, as the proxy sees them: [`HttpUpstream`], the `Upstream`
//! port over HTTP; and the other instances of this registry, likewise
//! ([`HttpInstances`]).
//!
//! Requests go through the proxies that `HTTPS_PROXY`, `HTTP_PROXY` and
//! `NO_PROXY` name. Certificates are checked against the system's authorities,
//! or those of `SSL_CERT_FILE` or `SSL_CERT_DIR`.

pub use client::HttpUpstream;
pub use instances::HttpInstances;
pub use transport::TransportError;

mod address;
mod body;
mod client;
mod error;
mod exchange;
mod instances;
mod link;
mod redirect;
mod referrers;
mod token;
mod transport;
