//! The routers over stores in memory, real cryptography and a real client for
//! upstreams.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod artifacts;
mod berth;
mod challenges;
mod gc;
mod members;
mod projects;
mod proxies;
mod registries;
mod routes;
mod system;
mod users;
