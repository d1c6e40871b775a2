//! End-to-end tests against a listening server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and tests say why they skip"
)]

mod bad_input;
mod cache;
mod check_store;
mod clients;
mod conformance;
mod crashes;
mod durability;
mod formats;
mod full_disk;
mod house;
mod instances;
mod keys;
mod memory;
mod power_loss;
mod spec;
mod support;
mod transfer;
