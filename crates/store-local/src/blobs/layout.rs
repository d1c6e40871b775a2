//! Where files are, and how folders are made and synced.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use berth_domain::ObjectKey;
use berth_ports::StoreResult;

use super::io::store_error;

/// The folders of one store.
#[derive(Debug)]
pub(super) struct Layout {
    blobs: PathBuf,
    uploads: PathBuf,
}

impl Layout {
    /// Makes every folder that is not there yet, so that none has to be made,
    /// and synced, while an object is stored.
    pub(super) fn create(dir: &Path) -> StoreResult<Self> {
        let layout = Self {
            blobs: dir.join("blobs"),
            uploads: dir.join("uploads"),
        };
        layout.make_folders(dir).map_err(store_error)?;
        Ok(layout)
    }

    fn make_folders(&self, dir: &Path) -> io::Result<()> {
        let ancestors: Vec<_> = dir
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        for folder in ancestors.into_iter().rev() {
            if !folder.is_dir() {
                make_folder(folder)?;
                sync_folder(parent(folder))?;
            }
        }
        let mut made = make_folder(&self.uploads)?;
        made |= make_folder(&self.blobs)?;
        if made {
            sync_folder(dir)?;
        }
        let mut made = false;
        for fan in 0..=u8::MAX {
            made |= make_folder(&self.blobs.join(format!("{fan:02x}")))?;
        }
        if made {
            sync_folder(&self.blobs)?;
        }
        Ok(())
    }

    /// The file of a finished object.
    pub(super) fn finished(&self, key: ObjectKey) -> PathBuf {
        let name = key.to_string();
        let fan = &name[name.len() - 2..];
        self.blobs.join(fan).join(&name)
    }

    /// The file of an unfinished object.
    pub(super) fn unfinished(&self, key: ObjectKey) -> PathBuf {
        self.uploads.join(key.to_string())
    }

    /// The keys of the unfinished objects. Files of other names are not ours.
    /// The old name of a finished object is taken away: a power loss may have
    /// kept it, and whoever deleted that would delete the object.
    pub(super) fn all_unfinished(&self) -> io::Result<Vec<ObjectKey>> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.uploads)? {
            let name = entry?.file_name();
            let Some(key) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if self.finished(key).exists() {
                fs::remove_file(self.unfinished(key))?;
            } else {
                keys.push(key);
            }
        }
        Ok(keys)
    }
}

/// Deletes a file for good; one that is not there is no error.
pub(super) fn remove_file(path: &Path) -> StoreResult<()> {
    if unlink(path)? {
        sync_folder(parent(path)).map_err(store_error)?;
    }
    Ok(())
}

/// Deletes a file until the next power loss, and for good once its folder is
/// synced; whether there was one.
pub(super) fn unlink(path: &Path) -> StoreResult<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(store_error(error)),
    }
}

/// The folder that `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names in a folder survive a power loss.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder; returns whether it was not there.
fn make_folder(folder: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}
