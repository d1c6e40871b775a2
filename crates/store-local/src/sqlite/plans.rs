//! Every statement in this folder is looked at as SQLite would run it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, StatementStatus};

use super::{connection, schema};

/// Statements may read a whole table only if it holds a handful of rows.
const MAY_SCAN: &[&str] = &["signing_keys"];

/// The text literals of the sources that are SQL which reads or writes rows.
fn statements() -> Vec<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqlite");
    let mut found = Vec::new();
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let is_product = !["plans.rs", "tests.rs"]
            .iter()
            .any(|name| path.ends_with(name));
        if is_product && path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(path).unwrap();
            let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"];
            let literals = source.split('"').filter(|text| {
                verbs
                    .iter()
                    .any(|verb| text.starts_with(verb) && text.contains('\n'))
            });
            found.extend(literals.map(ToOwned::to_owned));
        }
    }
    found
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let rows = statement.raw_query();
    let steps = rows.mapped(|row| row.get("detail"));
    steps.collect::<rusqlite::Result<_>>().unwrap()
}

fn all_plans() -> Vec<(String, Vec<String>)> {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::upgrade(&mut connection).unwrap();
    let statements = statements();
    assert!(
        statements.len() > 60,
        "only {} statements were found",
        statements.len()
    );
    statements
        .into_iter()
        .map(|sql| {
            let steps = plan(&connection, &sql);
            (sql, steps)
        })
        .collect()
}

#[test]
fn no_statement_scans_a_table_or_sorts() {
    for (sql, steps) in all_plans() {
        for step in steps {
            let costly = step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            let harmless = sql.contains("count(*)") && step.starts_with("SCAN (subquery");
            let documented = MAY_SCAN.iter().any(|table| sql.contains(table));
            assert!(!costly || harmless || documented, "{step}: {sql}");
        }
    }
}

#[test]
fn no_statement_is_prepared_anew_when_it_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    fs::write(&path, "").unwrap();
    let mut connection = connection::open_writer(&path).unwrap();
    schema::upgrade(&mut connection).unwrap();
    for sql in statements().iter().filter(|sql| sql.starts_with("SELECT")) {
        let mut statement = connection.prepare(sql).unwrap();
        for _ in 0..3 {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, 1).unwrap();
            }
            assert!(statement.raw_query().next().is_ok());
        }
        let again = statement.get_status(StatementStatus::RePrepare);
        assert_eq!(again, 0, "{sql}");
    }
}

#[test]
fn a_list_reads_nothing_that_an_equality_leaves_out() {
    let lists = all_plans()
        .into_iter()
        .filter(|(sql, _)| sql.contains("ORDER BY"));
    for (sql, steps) in lists {
        let words: Vec<_> = sql.split_whitespace().collect();
        for part in words
            .windows(3)
            .filter(|part| part[1] == "=" && part[2].starts_with('?'))
        {
            let key = format!("{}=?", part[0]);
            let searched = steps.iter().any(|step| step.contains(&key));
            assert!(
                searched || sql.starts_with("UPDATE"),
                "{key} is not in {steps:?}: {sql}"
            );
        }
    }
}
