//! Ids that a test can foresee.

use std::sync::atomic::{AtomicU64, Ordering};

use berth_domain::FreshId;
use berth_ports::Ids;

/// [`Ids`] that count from 1: unique within one of these, and easy to guess.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Starts at 1.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Ids for CountingIds {
    fn fresh(&self) -> FreshId {
        FreshId(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
