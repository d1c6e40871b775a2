//! Real clients through proxy projects, with another real registry as the
//! upstream. They run one at a time.

mod artifacts;
mod docker_hub;
mod mirrors;
mod upstream;
