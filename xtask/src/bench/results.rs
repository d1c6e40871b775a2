//! What was measured: one row a figure, with the samples of everyone who was measured.

use std::collections::BTreeMap;

/// Who was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Berth,
    Distribution,
    Zot,
    /// zot told to sync what is pushed before it answers, as the others do; it is not counted as
    /// a peer of its own.
    ZotSynced,
    /// Static files: nothing that serves over HTTP does much better.
    Nginx,
    /// The upstream itself, without a cache before it.
    Direct,
    /// What the processor and the disk allow.
    Machine,
}

impl Who {
    /// The registries that Berth is compared with.
    pub(crate) const PEERS: [Self; 2] = [Self::Distribution, Self::Zot];
    /// What bounds a figure from above; a row has at most one of them.
    pub(crate) const CEILINGS: [Self; 3] = [Self::Nginx, Self::Direct, Self::Machine];

    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Berth => "berth",
            Self::Distribution => "distribution",
            Self::Zot => "zot",
            Self::ZotSynced => "zot-synced",
            Self::Nginx => "nginx",
            Self::Direct => "direct",
            Self::Machine => "machine",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Requests a second.
    Requests,
    /// Millions of bytes a second.
    Megabytes,
    Milliseconds,
    Seconds,
    /// MiB of memory.
    Mebibytes,
    /// CPU seconds for a billion bytes.
    CpuPerGigabyte,
    /// Times the size of the image.
    Times,
}

impl Unit {
    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "1/s",
            Self::Megabytes => "MB/s",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Mebibytes => "MiB",
            Self::CpuPerGigabyte => "CPU s/GB",
            Self::Times => "x",
        }
    }

    /// Whether more is better.
    pub(crate) fn is_rate(self) -> bool {
        matches!(self, Self::Requests | Self::Megabytes)
    }
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) name: String,
    pub(crate) unit: Unit,
    samples: BTreeMap<Who, Vec<f64>>,
}

impl Row {
    /// The median of somebody's samples.
    pub(crate) fn median(&self, who: Who) -> Option<f64> {
        median(self.samples.get(&who)?)
    }

    /// The better of the other registries.
    pub(crate) fn better_peer(&self) -> Option<f64> {
        let peers = Who::PEERS.into_iter().filter_map(|peer| self.median(peer));
        if self.unit.is_rate() {
            peers.max_by(f64::total_cmp)
        } else {
            peers.min_by(f64::total_cmp)
        }
    }

    /// What bounds this figure.
    pub(crate) fn ceiling(&self) -> Option<(Who, f64)> {
        let mut ceilings = Who::CEILINGS.into_iter();
        ceilings.find_map(|who| Some((who, self.median(who)?)))
    }

    /// Everyone's samples in the order in which they were taken.
    pub(crate) fn samples(&self) -> &BTreeMap<Who, Vec<f64>> {
        &self.samples
    }
}

/// All figures of a run, in the order in which they first came.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    scenario: &'static str,
}

impl Results {
    /// Figures that are added from now on are of this scenario.
    pub(crate) fn begin(&mut self, scenario: &'static str) {
        self.scenario = scenario;
    }

    /// Adds a sample.
    pub(crate) fn add(&mut self, name: &str, unit: Unit, who: Who, value: f64) {
        println!(
            "    {name}: {} {} {}",
            who.name(),
            written(value),
            unit.name()
        );
        let scenario = self.scenario;
        let known = |row: &Row| row.name == name && row.scenario == scenario;
        let at = self.rows.iter().position(known).unwrap_or_else(|| {
            self.rows.push(Row {
                scenario,
                name: name.to_owned(),
                unit,
                samples: BTreeMap::new(),
            });
            self.rows.len() - 1
        });
        self.rows[at].samples.entry(who).or_default().push(value);
    }

    /// A row by its name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

/// The middle of numbers, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// The value below which this part of the numbers lies.
pub(crate) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a list in memory, times a part below one"
    )]
    let at = (values.len() as f64 * part) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied()
}

/// A figure with three digits that count, and thousands set apart.
pub(crate) fn written(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if digits > 0 {
        return text;
    }
    let mut apart = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::{Results, Unit, Who, median, quantile, written};

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_quantile_is_a_sample() {
        let hundred: Vec<_> = (0..100).map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.99), Some(99.0));
        assert_eq!(quantile(&hundred, 1.0), Some(99.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn figures_are_written_shortly() {
        let figures = [1_234_567.8, 123.4, 12.34, 1.234, 0.1234, 0.0];
        let figures = figures.map(written);
        assert_eq!(figures, ["1,234,568", "123", "12.3", "1.23", "0.123", "0"]);
    }

    #[test]
    fn the_better_peer_has_more_requests_or_less_time() {
        let mut results = Results::default();
        for (name, unit) in [("rate", Unit::Requests), ("time", Unit::Milliseconds)] {
            results.add(name, unit, Who::Distribution, 1.0);
            results.add(name, unit, Who::Zot, 2.0);
        }
        assert_eq!(results.row("rate").unwrap().better_peer(), Some(2.0));
        assert_eq!(results.row("time").unwrap().better_peer(), Some(1.0));
    }
}
