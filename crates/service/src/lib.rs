//! The use cases: push, pull, proxy, tokens, users, projects.

pub use authenticate::Credentials;
pub use error::{Error, Result};
pub use manifests::{PushedManifest, Unlinked};
pub use served::{BlobHandle, ServedManifest};
pub use service::{Service, Target};
pub use settings::ServiceSettings;
pub use tokens::{IssuedToken, TOKEN_SERVICE};
pub use uploads::{Body, BodyError, Chunk, UploadStatus};

mod authenticate;
mod authorize;
mod error;
mod links;
mod manifests;
mod outbox;
mod proxy;
mod pull;
mod served;
mod service;
mod settings;
mod tokens;
mod uploads;
