//! Contract suites for the ports, in-memory adapters and a Docker Hub double

pub use clock::ManualClock;
pub use faults::{Fault, Faults};
pub use ids::CountingIds;
pub use instances::NoInstances;
pub use memory::{MemoryBlobs, MemorySpools, MemoryStore};
pub use queue::{Queue, QueueTime};
pub use stores::{Blobs, Stores, TwoSecrets};

mod clock;
mod faults;
pub mod hub;
mod ids;
pub mod image;
mod instances;
mod memory;
pub mod model;
mod queue;
mod stores;
pub mod suites;
