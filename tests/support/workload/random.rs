//! Numbers by chance that a seed repeats.

use berth_testkit::image::{random_bytes, seeded_bytes};

/// A source of numbers.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    const fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// That of this run: `BERTH_SEED`, else one by chance, which is printed.
    pub(crate) fn of_run(name: &str) -> Self {
        let seed = super::number("BERTH_SEED").unwrap_or_else(|| {
            let bytes = random_bytes(8);
            u64::from_le_bytes(bytes[..].try_into().unwrap())
        });
        println!("{name}: BERTH_SEED={seed}");
        Self::new(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        let start = self.drawn;
        self.drawn += 8;
        let bytes = seeded_bytes(self.seed, start..start + 8);
        u64::from_le_bytes(bytes[..].try_into().unwrap())
    }

    /// A source of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.number())
    }

    /// A number of a range.
    pub(crate) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let length = u64::try_from(from.len()).unwrap();
        &from[usize::try_from(self.within(0..length)).unwrap()]
    }
}
