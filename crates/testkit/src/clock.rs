//! A clock that tests move by hand.

use std::time::Duration;

use async_trait::async_trait;
use berth_ports::Clock;
use jiff::Timestamp;
use tokio::sync::watch;

/// A [`Clock`] that stands still until it is advanced; a sleep ends when the
/// clock has been advanced far enough.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(watch::Sender::new(now))
    }

    /// Moves the clock forward and wakes those whose sleep is over.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|now| *now += duration);
    }

    /// How many sleeps are under way.
    pub fn sleepers(&self) -> usize {
        self.0.receiver_count()
    }
}

impl Default for ManualClock {
    /// Stands 60 years of 365 days behind 1970.
    fn default() -> Self {
        Self::at(Timestamp::UNIX_EPOCH + Duration::from_hours(60 * 365 * 24))
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut clock = self.0.subscribe();
        let end = self.now() + duration;
        // The sender is this clock, which outlives the call.
        let _ = clock.wait_for(|now| *now >= end).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_sleep_ends_when_the_clock_was_advanced_far_enough() {
        let clock = ManualClock::default();
        let mut sleep = clock.sleep(Duration::from_secs(10));
        assert_eq!((&mut sleep).now_or_never(), None);
        clock.advance(Duration::from_secs(9));
        assert_eq!((&mut sleep).now_or_never(), None);
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!((&mut sleep).now_or_never(), Some(()));
    }
}
