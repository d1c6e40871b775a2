//! The books against what is written down: `docs/costs.json`, and the table that
//! `docs/data-model.md` shows of it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::walk::walk;

/// Says that what was counted is to be written down, not compared.
const WRITE: &str = "BERTH_WRITE_COSTS";
/// The command that does so.
const COMMAND: &str = "BERTH_WRITE_COSTS=1 cargo xtask aws test use_cases_cost";
/// What the table in the document begins with.
const HEADER: &str =
    "| request | DynamoDB | reads | writes | S3 | SQS |\n|---|---|---|---|---|---|\n";

/// The version of the file.
const VERSION: u64 = 1;

/// The file.
#[derive(Serialize, Deserialize)]
struct Book {
    v: u64,
    made_by: String,
    cases: Vec<Case>,
}

fn docs(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(file)
}

/// What is written down.
pub(crate) fn written() -> Vec<Case> {
    let text = fs::read_to_string(docs("costs.json")).unwrap();
    let book: Book = serde_json::from_str(&text).unwrap();
    assert_eq!(book.v, VERSION);
    book.cases
}

#[tokio::test]
async fn use_cases_cost_what_is_written_down() {
    let cases = walk().await;
    if std::env::var_os(WRITE).is_some() {
        write(cases);
        return;
    }
    let (counted, written) = (table(&cases), table(&written()));
    assert!(
        counted == written,
        "the costs have changed:\n{}write them down by `{COMMAND}`",
        difference(&written, &counted)
    );
}

#[test]
fn the_data_model_shows_what_is_written_down() {
    let document = fs::read_to_string(docs("data-model.md")).unwrap();
    let (before, shown) = shown(&document);
    let written = table(&written());
    assert!(
        document[before..shown] == written,
        "docs/data-model.md shows something else:\n{}write it anew by `{COMMAND}`",
        difference(&document[before..shown], &written)
    );
}

fn write(cases: Vec<Case>) {
    let path = docs("data-model.md");
    let mut document = fs::read_to_string(&path).unwrap();
    let (start, end) = shown(&document);
    document.replace_range(start..end, &table(&cases));
    fs::write(path, document).unwrap();
    let book = Book {
        v: VERSION,
        made_by: COMMAND.to_owned(),
        cases,
    };
    let text = serde_json::to_string_pretty(&book).unwrap();
    fs::write(docs("costs.json"), text + "\n").unwrap();
}

/// Where the table is in the document.
fn shown(document: &str) -> (usize, usize) {
    let start = document.find(HEADER).expect("a table of costs");
    let length = document[start..].find("\n\n").expect("text behind it");
    (start, start + length + 1)
}

/// The cases as a table.
fn table(cases: &[Case]) -> String {
    let mut text = HEADER.to_owned();
    for case in cases {
        let table = &case.dynamodb;
        let calls = table.calls.iter().map(|(operation, calls)| match calls {
            1 => operation.clone(),
            calls => format!("{calls} {operation}"),
        });
        let calls = calls.collect::<Vec<_>>().join(", ");
        let s3 = &case.s3;
        let requests = [
            (s3.writes, "PUT"),
            (s3.reads, "GET"),
            (s3.deletes, "DELETE"),
            (s3.client_reads, "GET by the client"),
            (s3.client_writes, "PUT by the client"),
        ];
        let requests = requests.into_iter().filter(|(count, _)| *count > 0);
        let requests = requests.map(|(count, kind)| format!("{count} {kind}"));
        let requests = requests.collect::<Vec<_>>().join(", ");
        let (request, sqs) = (&case.request, some(case.sqs));
        let (reads, writes) = (table.read_units, table.write_units);
        let units = |units: f64, unit| match units {
            0.0 => String::new(),
            units => format!("{units} {unit}"),
        };
        let (reads, writes) = (units(reads, "r"), units(writes, "w"));
        writeln!(
            text,
            "| {request} | {calls} | {reads} | {writes} | {requests} | {sqs} |"
        )
        .unwrap();
    }
    text
}

fn some(count: u64) -> String {
    match count {
        0 => String::new(),
        count => count.to_string(),
    }
}

/// The lines of the one that the other has not.
fn difference(old: &str, new: &str) -> String {
    let mut text = String::new();
    for (sign, lines, others) in [('-', old, new), ('+', new, old)] {
        for line in lines.lines() {
            if !others.lines().any(|other| other == line) {
                writeln!(text, "{sign} {line}").unwrap();
            }
        }
    }
    text
}
