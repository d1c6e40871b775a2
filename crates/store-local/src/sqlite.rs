//! Metadata and the job queue on one SQLite database.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use berth_ports::{Clock, StoreResult};
use rusqlite::Connection;

use crate::{DataFolder, FolderLock, OpenError};
use error::SqliteResult;
use leases::Leases;
use readers::Readers;
use writer::{Answered, Writer};

pub(crate) use check::check_database;

mod access;
mod back_edges;
mod check;
mod connection;
mod edges;
mod envelope;
mod error;
mod gc_queue;
mod job_queue;
mod leases;
mod link_commit;
mod links;
mod manifest_record;
mod manifests;
mod members;
mod outbox;
#[cfg(test)]
mod plans;
mod projects;
mod readers;
mod referrers;
mod registries;
mod repositories;
mod runs;
mod schema;
mod sequences;
mod statement;
mod succession;
mod tags;
#[cfg(test)]
mod tests;
mod uploads;
mod value;
mod writer;

/// All stores and the job queue on the SQLite database of a data folder.
///
/// Cheap to clone. Each method is one transaction; writes of many callers are
/// committed together, and each returns when its commit is synced, but for
/// those of upload sessions (see [`UploadStore`](berth_ports::UploadStore)) and
/// steps that a repeat would only do again: a link is condemned, edges that
/// count for nothing go, entries of the garbage queue are settled. Several
/// processes may have the same database open. Leases are in memory, each
/// process has its own. The last clone's drop waits for
/// the writes under way and closes the database.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    writer: Writer,
    leases: Leases,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the database of a locked folder; makes it at first, and upgrades
    /// one of an older version of this program. What the last process was doing
    /// or had not sent is due at once.
    ///
    /// `clock` tells when jobs were written and when they are due.
    pub fn open(lock: &FolderLock, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = lock.folder().create_database()?;
        let mut connection = connection::open_writer(&path)?;
        schema::upgrade(&mut connection)?;
        succession::take_over(&mut connection, clock.now());
        Self::start(connection, path, clock)
    }

    /// Opens the database of a folder that another process may have locked,
    /// as it is: it must be of this program's version.
    pub fn open_beside(folder: &DataFolder, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = folder.existing_database()?;
        let connection = connection::open_writer(&path)?;
        schema::check(&connection)?;
        Self::start(connection, path, clock)
    }

    fn start(
        connection: Connection,
        path: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let writer = Writer::start(connection).map_err(|source| OpenError::Io {
            path: path.clone(),
            source,
        })?;
        let readers = Readers::new(path);
        Ok(Self {
            inner: Arc::new(Inner {
                readers,
                writer,
                leases: Leases::default(),
                clock,
            }),
        })
    }

    /// Reads what is committed. The one place that says on which thread.
    #[expect(clippy::unused_async, reason = "reads may move to other threads")]
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> SqliteResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        Ok(self.inner.readers.read(work)?)
    }

    /// Runs `work` in a transaction, with the others that are waiting.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> SqliteResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.inner.writer.write(Answered::Synced, work).await
    }

    /// The same without a sync, for what may be lost in a power loss as long
    /// as nothing written after it is kept.
    async fn write_in_order<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> SqliteResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.inner.writer.write(Answered::InOrder, work).await
    }

    fn now(&self) -> jiff::Timestamp {
        self.inner.clock.now()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteStore")
            .field("readers", &self.inner.readers)
            .finish_non_exhaustive()
    }
}
