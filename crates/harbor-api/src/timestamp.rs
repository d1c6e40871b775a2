//! Points in time as Harbor writes them.

use std::fmt;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};

/// A point in time, written in UTC with milliseconds: `2023-01-01T00:00:00.000Z`.
///
/// Finer parts of a second are cut off, not rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// What Harbor shows for something that never happened, as the pull time of an artifact that
    /// nobody pulled: `0001-01-01T00:00:00.000Z`.
    pub const NEVER: Self = Self(jiff::Timestamp::constant(-62_135_596_800, 0));
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::NEVER
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = DateTimePrinter::new().precision(Some(3));
        formatter.write_str(&printer.timestamp_to_string(&self.0))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
