//! Settings to the set of ports; the only crate that names every adapter.

pub use error::WiringError;
pub use service::service_settings;
pub use wired::{Wired, attach, serve};

mod error;
mod local;
mod service;
mod wired;
