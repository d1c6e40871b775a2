//! Files in a data folder.

use std::path::Path;

use super::wait;

/// How many files there are in a folder and below it.
pub(crate) fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => 1,
    });
    files.sum()
}

/// Waits until a folder holds so many files.
pub(crate) async fn wait_for(folder: &Path, expected: usize) {
    let what = format!("{expected} files in {}", folder.display());
    wait::until(&what, async || count(folder) == expected).await;
}
