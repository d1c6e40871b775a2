//! What the figures should come to, as ratios.

use crate::bench::results::{Results, Row, Who};

/// What Berth's figure is compared with.
#[derive(Debug, Clone, Copy)]
enum Against {
    /// The better of the other registries.
    Peer,
    /// What bounds the row from above.
    Ceiling,
    /// Berth's own figure of another row.
    Other(&'static str),
    /// The number itself, in the row's unit.
    Number,
    /// The difference to what bounds the row, in the row's unit.
    AboveCeiling,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64, Against),
    AtMost(f64, Against),
}

use Against::{AboveCeiling, Ceiling, Number, Other, Peer};
use Bound::{AtLeast, AtMost};

/// One row's target: any of the bounds.
struct Target {
    row: &'static str,
    any: &'static [Bound],
}

const TARGETS: &[Target] = &[
    target("manifest GET by tag, 32 connections", &[AtLeast(2.0, Peer)]),
    target(
        "manifest GET by tag, 32 connections, p99",
        &[AtMost(0.5, Peer)],
    ),
    target(
        "manifest GET by tag, 1 connection, Bearer token",
        &[AtLeast(0.85, Other("manifest GET by tag, 1 connection"))],
    ),
    target(
        "manifest GET by tag, 32 connections, Bearer token",
        &[AtLeast(0.85, Other("manifest GET by tag, 32 connections"))],
    ),
    target("blob GET 100 MB, 1 connection", &[AtLeast(1.0, Peer)]),
    target("blob GET 100 MB, 1 connection", &[AtLeast(0.9, Ceiling)]),
    target("blob GET 100 MB, 4 connections", &[AtLeast(1.0, Peer)]),
    target("blob GET 100 MB, 4 connections", &[AtLeast(0.9, Ceiling)]),
    target("blob GET 1 MB, 1 connection", &[AtLeast(1.5, Peer)]),
    target("blob GET 1 MB, 4 connections", &[AtLeast(1.5, Peer)]),
    target(
        "push 100 MB, 1 connection",
        &[AtLeast(1.5, Peer), AtLeast(0.8, Ceiling)],
    ),
    target(
        "push 100 MB, 4 connections",
        &[AtLeast(1.5, Peer), AtLeast(0.8, Ceiling)],
    ),
    target("push 1 MB, 8 connections", &[AtLeast(2.0, Peer)]),
    target(
        "proxy cold, image of 200 MB, 1 client",
        &[AtMost(1.2, Ceiling)],
    ),
    target(
        "proxy cold, first byte of a layer",
        &[AtMost(5.0, AboveCeiling)],
    ),
    target(
        "proxy cold, image of 200 MB, 32 clients",
        &[AtMost(
            1.1,
            Other("proxy warm, image of 200 MB, 32 clients"),
        )],
    ),
    target(
        "proxy cold, image of 200 MB, 32 clients, bytes of the upstream",
        &[AtMost(1.01, Number)],
    ),
    target(
        "peak memory: one push of 2 GB",
        &[AtMost(1.1, Other("peak memory: one push of 100 MB"))],
    ),
    target(
        "peak memory: one pull of 2 GB",
        &[AtMost(1.1, Other("peak memory: one pull of 100 MB"))],
    ),
    target(
        "pull by tag in a repository with 100,000 manifests",
        &[AtMost(
            1.2,
            Other("pull by tag in a repository with 100 manifests"),
        )],
    ),
    target(
        "push in a repository with 100,000 manifests",
        &[AtMost(
            1.2,
            Other("push in a repository with 100 manifests"),
        )],
    ),
    target(
        "list page of 50 tags in a repository with 100,000 manifests",
        &[AtMost(
            1.2,
            Other("list page of 50 tags in a repository with 100 manifests"),
        )],
    ),
    target(
        "delete in a repository with 100,000 manifests",
        &[AtMost(
            1.2,
            Other("delete in a repository with 100 manifests"),
        )],
    ),
    target(
        "100,000 unreferenced blobs are collected",
        &[AtMost(60.0, Number)],
    ),
    target(
        "pull of a manifest and 1 MB while blobs are collected, p99",
        &[AtMost(
            2.0,
            Other("pull of a manifest and 1 MB before blobs are collected, p99"),
        )],
    ),
];

const fn target(row: &'static str, any: &'static [Bound]) -> Target {
    Target { row, any }
}

/// Whether the row's targets are met, in words; nothing if it has none or lacks a figure.
pub(crate) fn verdicts(results: &Results, row: &Row) -> Vec<Verdict> {
    let mut verdicts: Vec<_> = TARGETS
        .iter()
        .filter(|target| target.row == row.name)
        .filter_map(|target| Verdict::of(results, row, target.any))
        .collect();
    if row.name.starts_with("peak memory") {
        verdicts.extend(Verdict::of(results, row, &[AtMost(128.0, Number)]));
    }
    verdicts
}

/// A target and how it ended.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) met: bool,
    /// The target in words, such as `at least 2 x peer (2.31)`.
    pub(crate) words: String,
}

impl Verdict {
    fn of(results: &Results, row: &Row, any: &[Bound]) -> Option<Self> {
        let berth = row.median(Who::Berth)?;
        let mut met = false;
        let mut words = Vec::new();
        for bound in any {
            let (AtLeast(number, against) | AtMost(number, against)) = *bound;
            let Some(found) = against.found(results, row, berth) else {
                continue;
            };
            let (word, good) = match bound {
                AtLeast(..) => ("at least", found >= number),
                AtMost(..) => ("at most", found <= number),
            };
            met |= good;
            let against = against.words(row);
            words.push(format!("{word} {number}{against} ({found:.2})"));
        }
        (!words.is_empty()).then(|| Self {
            met,
            words: words.join(" or "),
        })
    }
}

impl Against {
    fn found(self, results: &Results, row: &Row, berth: f64) -> Option<f64> {
        match self {
            Peer => Some(berth / row.better_peer()?),
            Ceiling => Some(berth / row.ceiling()?.1),
            Other(other) => Some(berth / results.row(other)?.median(Who::Berth)?),
            Number => Some(berth),
            AboveCeiling => Some(berth - row.ceiling()?.1),
        }
    }

    fn words(self, row: &Row) -> String {
        let ceiling = || row.ceiling().map_or("", |(who, _)| who.name());
        match self {
            Peer => " x peer".to_owned(),
            Ceiling => format!(" x {}", ceiling()),
            Other(other) => format!(" x {other}"),
            Number => format!(" {}", row.unit.name()),
            AboveCeiling => format!(" {} above {}", row.unit.name(), ceiling()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::verdicts;
    use crate::bench::results::{Results, Unit, Who};

    fn pushed(berth: f64, peer: f64, machine: f64) -> Vec<bool> {
        let mut results = Results::default();
        let name = "push 100 MB, 1 connection";
        for (who, value) in [
            (Who::Berth, berth),
            (Who::Zot, peer),
            (Who::Machine, machine),
        ] {
            results.add(name, Unit::Megabytes, who, value);
        }
        let verdicts = verdicts(&results, results.row(name).unwrap());
        verdicts.into_iter().map(|verdict| verdict.met).collect()
    }

    #[test]
    fn one_bound_of_a_target_is_enough() {
        assert_eq!(pushed(300.0, 200.0, 1000.0), [true]);
        assert_eq!(pushed(300.0, 290.0, 310.0), [true]);
        assert_eq!(pushed(200.0, 190.0, 1000.0), [false]);
    }

    #[test]
    fn every_peak_has_a_limit() {
        let mut results = Results::default();
        results.add("peak memory: a", Unit::Mebibytes, Who::Berth, 129.0);
        assert!(!verdicts(&results, &results.rows[0])[0].met);
    }
}
