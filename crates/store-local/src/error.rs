//! Why a data folder cannot be used.

use std::io;
use std::path::PathBuf;

/// The failure to open a data folder or its database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or folder cannot be made, read or locked.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other accounts may write to the folder.
    #[error(
        "{} can be written by other accounts, take that from them (chmod go-w) or name a folder in it that is still to be made",
        .0.display()
    )]
    Exposed(PathBuf),
    /// Another process has locked the folder.
    #[error("{} is in use by {holder}, stop that first or name another folder", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Its process id, since when, and where it listens.
        holder: String,
    },
    /// The folder has no database yet.
    #[error("{} has no database, start the server on it once", .0.display())]
    Missing(PathBuf),
    /// A newer version of this program wrote the database.
    #[error(
        "the database has version {found} and this program knows only {known}, use the newer program"
    )]
    Newer {
        /// The database's version.
        found: usize,
        /// The newest known one.
        known: usize,
    },
    /// An older version wrote the database, and it may be in use.
    #[error(
        "the database has version {found} and this program needs {known}, start this version's server on it once"
    )]
    Older {
        /// The database's version.
        found: usize,
        /// The one needed.
        known: usize,
    },
    /// The database keeps no write-ahead log; this journal instead.
    #[error(
        "the database has a journal of the kind {0} and no write-ahead log, put the folder on a local file system"
    )]
    NoLog(String),
    /// The database itself fails.
    #[error("the database cannot be opened")]
    Database(#[from] rusqlite::Error),
}
