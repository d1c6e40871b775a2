//! Files as far as the system has them in memory: opened and read without
//! waiting for a disk, and so without a change of threads.
//!
//! `None` is no error: the caller does the same where it may wait, and learns
//! there what is wrong, if anything is.

use std::fs::File;
use std::path::Path;

/// Opens a file to read whose name and inode are in memory.
#[cfg(target_os = "linux")]
pub(super) fn open(path: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    opened.ok().map(File::from)
}

/// Reads what is in memory of the bytes at `offset`: one byte at least.
#[cfg(target_os = "linux")]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    use std::io::IoSliceMut;
    let mut slices = [IoSliceMut::new(buffer)];
    let read = preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT);
    read.ok().filter(|length| *length > 0)
}

/// Other systems do not say what they have in memory.
#[cfg(not(target_os = "linux"))]
pub(super) fn open(_: &Path) -> Option<File> {
    None
}

/// Other systems do not say what they have in memory.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_at(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    None
}
