//! Files in a data folder.

use std::path::Path;
use std::time::{Duration, Instant};

/// How many files there are in a folder and below it.
pub(crate) fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                count(&entry.path())
            } else {
                1
            }
        })
        .sum()
}

/// Waits until a folder holds so many files.
pub(crate) async fn wait_for(folder: &Path, expected: usize) {
    let start = Instant::now();
    while count(folder) != expected {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{} files",
            count(folder)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
