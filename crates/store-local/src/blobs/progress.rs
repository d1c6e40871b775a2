//! What a paused write records for whoever goes on: whether its bytes may
//! have been lost since.

use std::time::{SystemTime, UNIX_EPOCH};

use berth_domain::ObjectKey;
use berth_ports::{StoreError, StoreResult};

/// The first byte: bytes were on the disk when this was recorded.
const SYNCED: u8 = 1;

/// The first byte: bytes were handed to the system in the run that follows.
const WRITTEN: u8 = 2;

/// One run of the server on its folder: what it wrote, it can read. What an
/// earlier one wrote and did not sync, a power loss between them may have
/// taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run(u128);

impl Run {
    /// A run that begins now. Runs on one folder follow each other, so the
    /// time tells them apart.
    pub(super) fn begin() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(now.unwrap_or_default().as_nanos())
    }

    /// What a write that pauses in this run records.
    pub(super) fn progress(self) -> Vec<u8> {
        [&[WRITTEN][..], &self.0.to_be_bytes()].concat()
    }

    /// Whether the bytes that a record speaks of are surely kept; `Corrupt` if
    /// it is of an unknown form.
    pub(super) fn kept(self, key: ObjectKey, progress: &[u8]) -> StoreResult<bool> {
        match progress {
            [] | [SYNCED] => Ok(true),
            [WRITTEN, run @ ..] if run.len() == size_of::<u128>() => {
                Ok(run == self.0.to_be_bytes())
            }
            _ => Err(StoreError::Corrupt(format!(
                "the progress of object {key} is unknown"
            ))),
        }
    }
}
