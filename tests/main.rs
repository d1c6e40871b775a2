//! End-to-end tests against a listening server.

mod bad_input;
mod cache;
mod clients;
mod conformance;
mod durability;
mod house;
mod memory;
mod spec;
mod support;
