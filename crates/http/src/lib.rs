//! The routers: OCI distribution, Harbor's API, tokens; errors to responses.

pub use app::{App, HttpSettings, Network};
pub use connection::Connection;
pub use router::router;
pub use rules::rules;

mod app;
mod authentication;
mod connection;
mod harbor;
mod instances;
mod observe;
mod oci;
mod origin;
mod router;
mod rules;
mod token;
