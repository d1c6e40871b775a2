//! The one thread that writes: what waits is committed together, with one sync
//! for all that asked for one, and answered only then.
//!
//! The log is one file, written in order: whatever sync covers a commit covers
//! each one before it. A write that something later must never be without need
//! not wait for a sync of its own.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use berth_ports::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::{SqliteError, SqliteResult};

/// Writes committed together at most.
const MAX_BATCH: usize = 128;

/// Writes that may wait; further callers wait to be let in.
const MAX_WAITING: usize = 1024;

/// When a write is answered. By then its readers see it, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// Once it is on the disk.
    Synced,
    /// Once it is committed: it survives the process, not a power loss. No
    /// later write is on the disk without it.
    InOrder,
}

/// The handle on the writing thread. Dropping it waits for what was sent.
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on its connection.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_batches(&connection, waiting))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Runs `work` in a transaction and returns as `answered` says. If `work`
    /// fails, or the commit does, nothing of it remains. If the returned
    /// future is dropped, the write may still happen.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        answered: Answered,
        work: impl FnOnce(&Connection) -> SqliteResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (answer, result) = oneshot::channel();
        let request = Request {
            answered,
            work: Some(work),
            result: None,
            answer,
        };
        let Some(requests) = &self.requests else {
            return Err(stopped());
        };
        requests
            .send(Box::new(request))
            .await
            .map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }

    /// How many writes are waiting.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.requests
            .as_ref()
            .map_or(0, |requests| MAX_WAITING - requests.capacity())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Writer(..)")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It catches panics itself; there is nothing to learn from it.
            drop(thread.join());
        }
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the database writer failed in this write")
}

/// A write, whatever it returns.
trait Write: Send {
    fn answered(&self) -> Answered;

    /// Does the work and keeps its result; returns how it failed.
    fn run(&mut self, connection: &Connection) -> StoreResult<()>;

    /// Answers with the work's own result, or with why the commit failed.
    fn answer(self: Box<Self>, commit: StoreResult<()>);
}

struct Request<T, F> {
    answered: Answered,
    work: Option<F>,
    result: Option<StoreResult<T>>,
    answer: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> SqliteResult<T> + Send> Write for Request<T, F> {
    fn answered(&self) -> Answered {
        self.answered
    }

    fn run(&mut self, connection: &Connection) -> StoreResult<()> {
        let Some(work) = self.work.take() else {
            return Err(stopped());
        };
        let result = self
            .result
            .insert(work(connection).map_err(StoreError::from));
        result.as_ref().map(|_| ()).map_err(repeat)
    }

    fn answer(self: Box<Self>, commit: StoreResult<()>) {
        let result = match (commit, self.result) {
            (Ok(()), Some(result)) => result,
            // The work panicked.
            (Ok(()), None) => Err(stopped()),
            (Err(error), _) => Err(error),
        };
        // The caller may have gone away.
        drop(self.answer.send(result));
    }
}

fn write_batches(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Write>>) {
    let mut log = Log {
        connection,
        syncs: true,
        doubtful: false,
    };
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while let Some(first) = waiting.blocking_recv() {
        batch.push(first);
        while batch.len() < MAX_BATCH {
            let Ok(next) = waiting.try_recv() else { break };
            batch.push(next);
        }
        for answered in [Answered::InOrder, Answered::Synced] {
            log.commit(
                answered,
                batch
                    .extract_if(.., |request| request.answered() == answered)
                    .collect(),
            );
        }
    }
}

/// The log as its one writer knows it.
struct Log<'a> {
    connection: &'a Connection,
    /// Whether a commit syncs.
    syncs: bool,
    /// Whether a commit failed to sync. The next sync may succeed without
    /// having written what the log held before: the kernel forgets pages that
    /// it failed to write. Commits that failed are not in the log, but those
    /// before them that nobody had synced are.
    doubtful: bool,
}

impl Log<'_> {
    /// Commits a batch and answers it.
    fn commit(&mut self, answered: Answered, mut batch: Vec<Box<dyn Write>>) {
        if batch.is_empty() {
            return;
        }
        let committed = self.try_commit(answered, &mut batch);
        if let Err(error) = &committed {
            tracing::error!(error = error as &dyn std::error::Error, "a commit failed");
            roll_back(self.connection);
        }
        // On a full disk no sync was tried.
        self.doubtful |= matches!(&committed, Err(error) if !matches!(error, StoreError::Full));
        for request in batch {
            request.answer(committed.as_ref().map(|&()| ()).map_err(repeat));
        }
    }

    fn try_commit(&mut self, answered: Answered, batch: &mut [Box<dyn Write>]) -> StoreResult<()> {
        if answered == Answered::Synced && self.doubtful {
            self.empty()?;
        }
        self.set_syncs(answered == Answered::Synced)?;
        commit_batch(self.connection, batch)
    }

    /// `FULL` syncs the log at each commit, `NORMAL` only before it is copied
    /// into the database.
    fn set_syncs(&mut self, syncs: bool) -> StoreResult<()> {
        if syncs != self.syncs {
            let level = if syncs { "FULL" } else { "NORMAL" };
            self.connection
                .pragma_update(None, "synchronous", level)
                .map_err(SqliteError::from)?;
            self.syncs = syncs;
        }
        Ok(())
    }

    /// Copies all of the log into the database, which is synced, and begins
    /// the log anew.
    fn empty(&mut self) -> StoreResult<()> {
        let blocked: bool = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(SqliteError::from)?;
        if blocked {
            return Err(StoreError::unavailable(
                "a sync of the database failed, and its log cannot be emptied yet",
            ));
        }
        self.doubtful = false;
        Ok(())
    }
}

/// Commits what succeeds of a batch. On an error nothing of it is applied.
fn commit_batch(connection: &Connection, batch: &mut [Box<dyn Write>]) -> StoreResult<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for request in batch {
        execute(connection, "SAVEPOINT request")?;
        let ran = catch_unwind(AssertUnwindSafe(|| request.run(connection)));
        if let Err(error) = ran.unwrap_or_else(|_| Err(stopped())) {
            // SQLite gave up the whole transaction, as it may when the disk is
            // full or fails.
            if connection.is_autocommit() {
                return Err(error);
            }
            execute(connection, "ROLLBACK TO request")?;
        }
        execute(connection, "RELEASE request")?;
    }
    execute(connection, "COMMIT")
}

fn execute(connection: &Connection, sql: &str) -> StoreResult<()> {
    let run = || connection.prepare_cached(sql)?.execute([]);
    run()
        .map(|_| ())
        .map_err(|error| SqliteError::from(error).into())
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a rollback failed"
        );
    }
}

/// The same failure once more: one commit's is each of its writes'.
fn repeat(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full => StoreError::Full,
        StoreError::Corrupt(what) => StoreError::Corrupt(what.clone()),
        StoreError::Unavailable(source) => StoreError::unavailable(source.to_string()),
        other => StoreError::unavailable(other.to_string()),
    }
}
