//! A progress bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often it is drawn at the most.
const INTERVAL: Duration = Duration::from_millis(100);

/// How often a line is written where there is no terminal.
const LINES: Duration = Duration::from_secs(10);

/// Characters of a full bar.
const WIDTH: u64 = 30;

/// A bar on standard error.
#[derive(Debug)]
pub(super) struct Bar {
    terminal: bool,
    /// When it was drawn last, or begun.
    last: Instant,
    drawn: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            last: Instant::now(),
            drawn: false,
        }
    }

    /// Draws `done` bytes of `total`, unless it did a moment ago.
    pub(super) fn draw(&mut self, done: u64, total: u64) {
        let interval = if self.terminal { INTERVAL } else { LINES };
        if self.last.elapsed() < interval {
            return;
        }
        self.last = Instant::now();
        self.drawn = self.terminal;
        let line = render(done, total);
        // A bar that cannot be drawn is not worth an error.
        let _ = if self.terminal {
            write!(io::stderr(), "\r{line}\x1b[K")
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn render(done: u64, total: u64) -> String {
    let total = total.max(done).max(1);
    let share = |of: u64| u64::try_from(u128::from(done) * u128::from(of) / u128::from(total));
    let filled = usize::try_from(share(WIDTH).unwrap_or_default()).unwrap_or_default();
    let percent = share(100).unwrap_or_default();
    let empty = usize::try_from(WIDTH)
        .unwrap_or_default()
        .saturating_sub(filled);
    format!(
        "[{}{}] {percent:3}% of {}",
        "=".repeat(filled),
        " ".repeat(empty),
        bytes(total)
    )
}

/// A number of bytes for people.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1024 {
        return format!("{number} bytes");
    }
    let mut tenths = u128::from(number) * 10;
    let mut unit = "";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_down_to_a_tenth_of_their_unit() {
        let shown = [0, 1023, 1024, 1536, 5 << 20, (1 << 30) - 1, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            [
                "0 bytes",
                "1023 bytes",
                "1.0 KiB",
                "1.5 KiB",
                "5.0 MiB",
                "1023.9 MiB",
                "16777215.9 TiB"
            ]
        );
    }

    #[test]
    fn a_bar_fills_up() {
        assert_eq!(
            render(0, 0),
            format!("[{}]   0% of 1 bytes", " ".repeat(30))
        );
        assert_eq!(
            render(512, 1024),
            format!("[{}{}]  50% of 1.0 KiB", "=".repeat(15), " ".repeat(15))
        );
        assert_eq!(
            render(2048, 1024),
            format!("[{}] 100% of 2.0 KiB", "=".repeat(30))
        );
    }
}
