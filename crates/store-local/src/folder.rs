//! The data folder: private to its account, used by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::OpenError;

/// The database, with SQLite's `-wal` and `-shm` beside it.
const DATABASE: &str = "metadata.sqlite";

/// The file whose lock is the folder's; says who holds it.
const LOCK: &str = "lock";

/// Bits of a file mode by which group or others may write.
const OTHERS_WRITE: u32 = 0o022;

/// A folder for all that the server keeps.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// Opens a folder, or makes it with mode 0700. An empty one that is ours
    /// gets this mode too; one that other accounts can write to is refused.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = Self { path: path.into() };
        let io = |source| OpenError::Io {
            path: folder.path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder.path)
            .map_err(io)?;
        if fs::read_dir(&folder.path).map_err(io)?.next().is_none() {
            // Not ours to change, perhaps; then what matters is checked below.
            drop(fs::set_permissions(
                &folder.path,
                Permissions::from_mode(0o700),
            ));
        }
        let mode = fs::metadata(&folder.path).map_err(io)?.permissions().mode();
        if mode & OTHERS_WRITE != 0 {
            return Err(OpenError::Exposed(folder.path));
        }
        Ok(folder)
    }

    /// A folder that a server has used before: nothing is made or changed.
    pub fn existing(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = Self { path: path.into() };
        folder.existing_database()?;
        Ok(folder)
    }

    /// Whether a server has made a database in it.
    pub fn has_database(&self) -> bool {
        self.path.join(DATABASE).is_file()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the folder for this process until the result is dropped, and
    /// notes who holds it: this process, since `now`, listening on `listen`.
    pub fn lock(&self, now: Timestamp, listen: &str) -> Result<FolderLock, OpenError> {
        let path = self.path.join(LOCK);
        let io = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let mut file = private_file().read(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&mut file).map_err(io)?;
                return Err(OpenError::Locked {
                    path: self.path.clone(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        write_holder(&mut file, now, listen).map_err(io)?;
        Ok(FolderLock {
            folder: self.clone(),
            _file: file,
        })
    }

    /// The database's path, with an empty file there if there was none: SQLite
    /// gives its other files the same mode.
    pub(crate) fn create_database(&self) -> Result<PathBuf, OpenError> {
        let path = self.path.join(DATABASE);
        let create = || {
            private_file().open(&path)?;
            File::open(&self.path)?.sync_all()
        };
        create().map_err(|source| OpenError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// The path of a database that is there.
    pub(crate) fn existing_database(&self) -> Result<PathBuf, OpenError> {
        if self.has_database() {
            Ok(self.path.join(DATABASE))
        } else {
            Err(OpenError::Missing(self.path.clone()))
        }
    }
}

/// The right to serve from a folder; dropping it ends it.
#[derive(Debug)]
pub struct FolderLock {
    folder: DataFolder,
    _file: File,
}

impl FolderLock {
    /// The folder that is locked.
    pub const fn folder(&self) -> &DataFolder {
        &self.folder
    }
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    options
}

fn write_holder(file: &mut File, now: Timestamp, listen: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(
        file,
        "process {} since {now:.0}, listening on {listen}",
        std::process::id()
    )
}

fn read_holder(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text)?;
    let holder = text.trim();
    Ok(if holder.is_empty() {
        "another process".to_owned()
    } else {
        holder.to_owned()
    })
}
