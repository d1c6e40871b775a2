//! Programs of others that a test needs.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

/// Programs that no registry of packages has, so that no machine must; and what
/// is tested beside the other tests, where it can be.
const NEVER_REQUIRED: &[&str] = &[
    "zot",
    "oci-conformance",
    "several instances",
    "redirects",
    "keys of AWS",
];

/// The path of a program, or `None`: the test then ends, and the skip is on
/// record.
///
/// # Panics
///
/// Where every program is required (`BERTH_REQUIRE_PROGRAMS=1`) and can be.
pub(crate) fn require(name: &str) -> Option<PathBuf> {
    let path = find(name);
    if path.is_none() {
        skip(name, "not on PATH");
    }
    path
}

/// Records that a test was skipped for want of a program, or of what the
/// program needs.
///
/// # Panics
///
/// As [`require`].
pub(crate) fn skip(name: &str, reason: &str) {
    let required = env::var("BERTH_REQUIRE_PROGRAMS").is_ok_and(|value| value == "1");
    assert!(
        !required || NEVER_REQUIRED.contains(&name),
        "{name} is required: {reason}"
    );
    println!("skipped: {name}: {reason}");
    if let Some(file) = env::var_os("BERTH_SKIPS") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        file.write_all(format!("{name}: {reason}\n").as_bytes())
            .unwrap();
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
