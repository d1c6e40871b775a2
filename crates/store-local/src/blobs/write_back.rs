//! Writing to the disk while the bytes still come in, so that little is left
//! to write when the file is synced.

use std::fs::File;

/// How many bytes the disk is given at once.
const STRETCH: u64 = 4 << 20;

/// Has the system begin to write a file's bytes from `begun` up to `end` to
/// the disk, if that is enough of them; returns up to where it has begun.
/// Waits for nothing, and promises nothing.
#[cfg(target_os = "linux")]
pub(super) fn begin(file: &File, begun: u64, end: u64) -> u64 {
    use rustix::fs::{Advice, fadvise};
    use std::num::NonZeroU64;
    match NonZeroU64::new(end.saturating_sub(begun)) {
        // Linux begins to write what is dirty when it is told that nobody
        // needs the pages, and keeps them, since they are not clean yet.
        Some(length) if length.get() >= STRETCH => {
            // Advice only: a file system that knows none loses nothing.
            let _ = fadvise(file, begun, Some(length), Advice::DontNeed);
            end
        }
        _ => begun,
    }
}

/// Other systems are left to themselves.
#[cfg(not(target_os = "linux"))]
pub(super) fn begin(_: &File, begun: u64, _: u64) -> u64 {
    begun
}
