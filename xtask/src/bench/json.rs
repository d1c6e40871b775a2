//! The figures as JSON: every sample, the medians, and what they should come to.

use serde_json::{Map, Value, json};

use crate::bench::{
    machine::Machine,
    results::{Results, Row},
    targets::verdicts,
};

/// The whole run.
pub(crate) fn json(machine: &Machine, results: &Results) -> String {
    let rows: Vec<_> = results
        .rows
        .iter()
        .map(|row| self::row(results, row))
        .collect();
    let all = json!({
        "machine": machine.lines,
        "rows": rows,
    });
    format!("{all:#}\n")
}

fn row(results: &Results, row: &Row) -> Value {
    let mut samples = Map::new();
    let mut medians = Map::new();
    for (who, taken) in row.samples() {
        let taken: Vec<_> = taken.iter().copied().map(rounded).collect();
        samples.insert(who.name().to_owned(), json!(taken));
        let median = row.median(*who).map(rounded);
        medians.insert(who.name().to_owned(), json!(median));
    }
    let targets: Vec<_> = verdicts(results, row)
        .into_iter()
        .map(|verdict| json!({ "target": verdict.words, "met": verdict.met }))
        .collect();
    json!({
        "scenario": row.scenario,
        "name": row.name,
        "unit": row.unit.name(),
        "medians": medians,
        "samples": samples,
        "targets": targets,
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
