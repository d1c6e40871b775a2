//! Blobs as files; metadata and the job queue on SQLite

pub use blobs::FileBlobs;
pub use error::OpenError;
pub use folder::{DataFolder, FolderLock};
pub use sqlite::SqliteStore;

mod blobs;
mod check;
mod error;
mod folder;
mod space;
mod sqlite;
