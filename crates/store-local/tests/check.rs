//! What is found of a data folder.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use berth_ports::{Finding, Verdict};
use berth_store_local::{DataFolder, SqliteStore};
use berth_testkit::ManualClock;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

/// A folder that a server has used.
fn used() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
    SqliteStore::open(&lock, Arc::new(ManualClock::default())).unwrap();
    dir
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The only one that does not go well.
fn failed(findings: &[Finding]) -> (&str, &str) {
    let failed: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Ok)
        .collect();
    assert_eq!(failed.len(), 1, "{findings:#?}");
    assert_eq!(failed[0].verdict, Verdict::Fails);
    (&failed[0].name, failed[0].note.as_deref().unwrap())
}

#[test]
fn a_folder_that_was_used_is_good_and_stays_as_it_is() {
    let dir = used();
    let before = names(dir.path());
    let findings = DataFolder::check(dir.path());
    assert!(findings.iter().all(|found| found.verdict == Verdict::Ok));
    assert!(findings.len() > 1);
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_folder_without_a_database_is_named_and_nothing_is_made_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let findings = DataFolder::check(dir.path());
    let (name, note) = failed(&findings);
    assert_eq!(name, "data folder");
    assert!(note.contains(dir.path().to_str().unwrap()), "{note}");
    assert_eq!(names(dir.path()), [""; 0]);
}

/// Whoever may do everything can write wherever there is no folder.
#[test]
fn a_folder_in_which_files_cannot_be_made_is_told() {
    let dir = used();
    fs::create_dir(dir.path().join("check.tmp")).unwrap();
    let findings = DataFolder::check(dir.path());
    let (name, note) = failed(&findings);
    assert_eq!(name, "files");
    assert!(note.contains("Is a directory"), "{note}");
}

#[test]
fn a_database_of_a_newer_program_is_told() {
    let dir = used();
    let database = Connection::open(dir.path().join("metadata.sqlite")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let findings = DataFolder::check(dir.path());
    let (name, note) = failed(&findings);
    assert_eq!(name, "database");
    assert!(note.contains("use the newer program"), "{note}");
}
