//! A small disk of its own, which can be filled up by others.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::programs;

/// A tmpfs that is mounted until this is dropped.
pub(super) struct Disk(TempDir);

impl Disk {
    /// A disk of so many MiB, or `None` where none can be mounted: the test then
    /// ends, and the skip is on record.
    pub(super) fn mount(mebibytes: u32) -> Option<Self> {
        let folder = TempDir::with_prefix("berth-disk-").unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0755")])
            .args(["tmpfs".as_ref(), folder.path().as_os_str()])
            .output();
        match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => programs::skip("mount", String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => programs::skip("mount", &error.to_string()),
        }
        None
    }

    /// A data folder on it.
    pub(super) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Takes all but so many bytes of what is free.
    pub(super) fn fill_but(&self, bytes: u64) {
        let options = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast());
        let mut file = options.unwrap();
        write_until_full(&mut file);
        let length = file.metadata().unwrap().len();
        file.set_len(length.checked_sub(bytes).unwrap()).unwrap();
    }

    /// Gives back what was taken.
    pub(super) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

fn write_until_full(file: &mut File) {
    for piece in [vec![1; 1 << 16], vec![1; 1]] {
        loop {
            match file.write(&piece) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("the disk does not fill up: {error}"),
            }
        }
    }
}
