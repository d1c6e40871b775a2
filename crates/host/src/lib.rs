//! What a program on an ordinary machine gets from its host: the clock, random
//! ids, tasks on tokio, and cryptography by argon2, jsonwebtoken and aws-lc-rs.

pub use clock::SystemClock;
pub use ids::RandomIds;
pub use secrets::{HostSecrets, SealingKey, SealingKeyError};
pub use tasks::TokioTasks;

mod clock;
mod ids;
mod secrets;
mod tasks;
