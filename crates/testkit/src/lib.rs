//! Contract suites for the ports, in-memory adapters and a Docker Hub double

pub use clock::ManualClock;
pub use stores::{Blobs, Stores, TwoSecrets};

mod clock;
pub mod hub;
pub mod image;
mod stores;
pub mod suites;
