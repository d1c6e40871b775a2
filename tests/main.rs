//! End-to-end tests against a listening server.

mod cache;
mod clients;
mod house;
mod support;
