//! End-to-end tests against a listening server.

mod house;
mod support;
