//! Versions of records and what a write expects of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What tells the writes of a record apart: each makes a greater one. The first
/// makes 1, or [`Version::fresh`] where a name can come again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The first version of a record whose name may have been another's before:
    /// greater than any that the other had, as time goes on.
    #[must_use]
    pub fn fresh(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_nanosecond()).unwrap_or(0).max(1))
    }

    /// The version that the next write makes.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a conditional write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record.
    Absent,
    /// The record, at exactly this version.
    Version(Version),
    /// Whatever there is.
    Any,
}

impl Expect {
    /// Whether a record at `found` (or none) is what was expected.
    pub fn holds(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
            Self::Any => true,
        }
    }
}
