//! Files in a data folder.

use std::path::Path;

use super::{store, wait};

/// How many files there are in a folder and below it.
pub(crate) fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count(&entry.path()),
        _ => 1,
    });
    files.sum()
}

/// Waits until a folder holds so many files. Where there is no data folder, the
/// adapter's own tests look at what a bucket holds.
pub(crate) async fn wait_for(folder: &Path, expected: usize) {
    if store::is_aws() {
        return;
    }
    let what = format!("{expected} files in {}", folder.display());
    wait::until(&what, async || count(folder) == expected).await;
}
