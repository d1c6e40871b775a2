//! Read-only connections: each statement sees one state of the database (WAL),
//! and none waits for the writer.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::connection;
use super::error::SqliteResult;

/// Connections that are kept open when nobody reads.
const MAX_IDLE: usize = 16;

/// A pool of read-only connections.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// A pool for the database at `path`; opens nothing yet.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Reads on a connection of the pool, here and now: a read by key takes
    /// about 10 µs, less than a change of threads.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> SqliteResult<T>,
    ) -> SqliteResult<T> {
        let connection = match self.take() {
            Some(connection) => connection,
            None => connection::open_reader(&self.path)?,
        };
        let result = work(&connection);
        self.give_back(connection);
        result
    }

    fn take(&self) -> Option<Connection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Readers")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
