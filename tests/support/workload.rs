//! What many clients do at once while servers die: images that are pushed and
//! deleted, what was acknowledged of it, and whether that is there.

use std::env;

pub(crate) mod check;
pub(crate) mod image;
pub(crate) mod model;
pub(crate) mod push;
pub(crate) mod random;

/// A number that the environment gives for a run.
pub(crate) fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
