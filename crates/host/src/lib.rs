//! What a program on an ordinary machine gets from its host: the clock, random
//! ids, tasks on tokio, spools in temporary files, and cryptography by argon2,
//! jsonwebtoken and aws-lc-rs.

pub use clock::SystemClock;
pub use ids::RandomIds;
pub use secrets::{HostSecrets, SealingKey, SealingKeyError};
pub use spools::TempSpools;
pub use tasks::TokioTasks;

mod clock;
mod ids;
mod secrets;
mod spools;
mod tasks;
