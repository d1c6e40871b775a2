//! What every test here stands on: a server of its own, a client for it, and
//! the programs of others.

pub(crate) mod http;
pub(crate) mod programs;
pub(crate) mod server;
