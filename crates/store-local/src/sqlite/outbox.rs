//! The outbox: jobs written with the change that causes them.

use async_trait::async_trait;
use berth_domain::{Envelope, JobId};
use berth_ports::{Outbox, StoreResult};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::SqliteResult;
use super::statement::{change, readable_rows};
use super::value::{Text, Time, column_error};
use super::{SqliteStore, envelope};

#[async_trait]
impl Outbox for SqliteStore {
    async fn unsent(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<Envelope>> {
        self.read(move |connection| {
            readable_rows(
                connection,
                "SELECT envelope
                   FROM outbox
                  WHERE written_at < ?1
                  ORDER BY written_at, id",
                [Time(before)],
                limit,
                |row| {
                    envelope::read(row.get_ref(0)?.as_str()?)
                        .map_err(|error| column_error(&format!("a job in the outbox: {error}")))
                },
            )
        })
        .await
    }

    async fn sent(&self, id: JobId) -> StoreResult<()> {
        self.write(move |connection| {
            change(
                connection,
                "DELETE FROM outbox
                  WHERE id = ?1",
                [Text(id)],
            )?;
            Ok(())
        })
        .await
    }
}

/// Adds jobs, as part of the transaction that causes them.
pub(super) fn put(
    connection: &Connection,
    jobs: &[Envelope],
    written_at: Timestamp,
) -> SqliteResult<()> {
    for job in jobs {
        change(
            connection,
            "INSERT INTO outbox (id, envelope, written_at)
                  VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO NOTHING",
            params![Text(job.id), envelope::write(job)?, Time(written_at)],
        )?;
    }
    Ok(())
}
