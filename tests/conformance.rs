//! The official conformance program of the distribution spec, with everything
//! on but sparse manifests.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::programs;
use crate::support::server::{ADMIN_PASSWORD, Server, assert_sound};

const PROGRAM: &str = "oci-conformance";

fn run(program: &Path, server: &Server, results: &Path) -> Output {
    let mut command = Command::new(program);
    // Settings of the person who tests would change the run.
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("OCI_")) {
        command.env_remove(name);
    }
    command
        .current_dir(results)
        .env("OCI_REGISTRY", server.address().to_string())
        .env("OCI_TLS", "disabled")
        .env("OCI_VERSION", "dev")
        .env("OCI_REPO1", "library/repo1")
        .env("OCI_REPO2", "library/repo2")
        .env("OCI_USERNAME", "admin")
        .env("OCI_PASSWORD", ADMIN_PASSWORD)
        .env("OCI_DATA_SPARSE", "false")
        .env("OCI_RESULTS_DIR", results)
        .env("OCI_CONFIGURATION", "/dev/null")
        .env("OCI_LOG", "error")
        .output()
        .unwrap()
}

/// The totals of a run: lines like `  Pass....: 986`.
fn totals(report: &str) -> BTreeMap<&str, usize> {
    let lines = report
        .lines()
        .skip_while(|line| !line.starts_with("OCI Conformance Result:"));
    lines
        .take_while(|line| !line.starts_with("API conformance"))
        .filter_map(|line| {
            let (name, count) = line.split_once(':')?;
            Some((
                name.trim().trim_end_matches('.'),
                count.trim().parse().ok()?,
            ))
        })
        .collect()
}

/// The tests that did not pass, with what is said of them.
fn complaints(report: &str) -> Vec<&str> {
    let bad = |line: &&str| {
        [": FAIL", ": Error", ": Skip"]
            .iter()
            .any(|end| line.ends_with(end))
            || line.contains(" - ")
    };
    report.lines().filter(bad).take(60).collect()
}

#[tokio::test]
async fn the_conformance_program_passes_and_skips_nothing() {
    let Some(program) = programs::require(PROGRAM) else {
        return;
    };
    let server = Server::start().await;
    let results = tempfile::tempdir().unwrap();
    let output = run(&program, &server, results.path());
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let totals = totals(&report);
    println!("{PROGRAM}: {totals:?}");
    let why = || format!("{totals:?}\n{}\n{errors}", complaints(&report).join("\n"));
    assert!(output.status.success(), "{}", why());
    for name in ["FAIL", "Error", "Skip", "Disabled"] {
        assert_eq!(totals.get(name), Some(&0), "{name}: {}", why());
    }
    // A wrong setting ends it early, and without an error.
    assert!(
        totals.get("Total").is_some_and(|total| *total > 950),
        "{}",
        why()
    );
    assert_eq!(totals.get("Pass"), totals.get("Total"), "{}", why());
    assert_sound(server.data());
}
