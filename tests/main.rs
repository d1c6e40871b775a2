//! End-to-end tests against a listening server.

mod bad_input;
mod cache;
mod clients;
mod house;
mod spec;
mod support;
