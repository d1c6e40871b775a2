//! The figures as a table in Markdown.

use std::fmt::Write as _;

use crate::bench::{
    results::{Results, Row, Unit, Who, written},
    targets::verdicts,
};

const HEAD: &str = "\
| | unit | Berth | distribution | zot | ceiling | Berth / better peer | Berth / ceiling | target |
|---|---|--:|--:|--:|--:|--:|--:|---|
";

/// Medians, ratios and targets: speed first, then what it takes.
pub(crate) fn table(results: &Results) -> String {
    let takes = |row: &&Row| matches!(row.unit, Unit::Mebibytes | Unit::CpuPerGigabyte);
    let (taken, speed): (Vec<_>, Vec<_>) = results.rows.iter().partition(takes);
    [speed, taken]
        .into_iter()
        .filter(|rows| !rows.is_empty())
        .map(|rows| {
            let mut text = HEAD.to_owned();
            for row in rows {
                line(&mut text, results, row);
            }
            text
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn line(text: &mut String, results: &Results, row: &Row) {
    let figure = |who| row.median(who).map(written).unwrap_or_default();
    let ratio = |other: Option<f64>| match (row.median(Who::Berth), other) {
        (Some(berth), Some(other)) if other > 0.0 => format!("{:.2}", berth / other),
        _ => String::new(),
    };
    let ceiling = row.ceiling();
    let targets: Vec<_> = verdicts(results, row)
        .into_iter()
        .map(|verdict| {
            let end = if verdict.met { "met" } else { "**missed**" };
            format!("{}: {end}", verdict.words)
        })
        .collect();
    // Writing to a string cannot fail.
    let mut zot = figure(Who::Zot);
    if let Some(synced) = row.median(Who::ZotSynced) {
        let _ = write!(zot, " (synced {})", written(synced));
    }
    let cells = [
        row.name.clone(),
        row.unit.name().to_owned(),
        figure(Who::Berth),
        figure(Who::Distribution),
        zot,
        ceiling
            .map(|(who, value)| format!("{} {}", written(value), who.name()))
            .unwrap_or_default(),
        ratio(row.better_peer()),
        ratio(ceiling.map(|(_, value)| value)),
        targets.join("; "),
    ];
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
