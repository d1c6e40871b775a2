//! Settings to the set of ports; the only crate that names every adapter.
//!
//! Each store is a feature: `local` (the default) and `aws`.

pub use error::WiringError;
pub use service::service_settings;
pub use wired::{Wired, admin_password, attach, check_store, create_store, serve};

#[cfg(feature = "aws")]
mod aws;
mod error;
#[cfg(feature = "local")]
mod local;
mod service;
mod wired;
