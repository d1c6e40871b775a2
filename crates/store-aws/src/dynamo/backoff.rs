//! How long to try again what another request is in the way of.

use std::time::Duration;

use berth_domain::FreshId;
use berth_ports::{StoreError, StoreResult};
use tokio::time::Instant;

/// Longer than this no call is repeated; whoever asked gets an error that says
/// to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first wait is at most this long; each further one twice as long,
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Waits between the tries of one call.
#[derive(Debug)]
pub(super) struct Backoff {
    end: Instant,
    wait: Duration,
}

impl Backoff {
    /// Begins with the first try.
    pub(super) fn start() -> Self {
        Self {
            end: Instant::now() + PATIENCE,
            wait: FIRST_WAIT,
        }
    }

    /// Waits before the next try, or gives up with the last one's error.
    /// `random` spreads those that wait for the same record.
    pub(super) async fn wait(&mut self, random: FreshId, last: StoreError) -> StoreResult<()> {
        if Instant::now() >= self.end {
            return Err(last);
        }
        // Between a half and the whole.
        let [.., share] = random.0.to_be_bytes();
        tokio::time::sleep(self.wait / 2 + self.wait / 512 * u32::from(share)).await;
        self.wait = LONGEST_WAIT.min(self.wait * 2);
        Ok(())
    }
}
