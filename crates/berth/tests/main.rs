//! The command as its users meet it: a process of its own.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helpers fail the test"
)]

mod admin;
mod fsck;
mod help;
mod jobs;
mod limits;
mod serve;
mod settings;
mod support;
mod tls;
