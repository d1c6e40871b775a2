//! Behaviours of [`Clock`], for clocks that run.

use std::sync::Arc;
use std::time::Duration;

use berth_ports::Clock;

suite! {
    /// Makes tests of the behaviours of `Clock`. The argument is an expression
    /// for a future of an `Arc<dyn Clock>`.
    clock_suite in clock {
        a_sleep_takes_its_time,
    }
}

/// By the clock itself.
pub async fn a_sleep_takes_its_time(clock: &Arc<dyn Clock>) {
    let duration = Duration::from_millis(20);
    let before = clock.now();
    clock.sleep(duration).await;
    assert!(clock.now() >= before + duration);
}
