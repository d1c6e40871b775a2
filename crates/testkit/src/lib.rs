//! Contract suites for the ports, in-memory adapters and a Docker Hub double

pub mod hub;
pub mod image;
