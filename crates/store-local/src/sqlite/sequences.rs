//! Numeric identifiers.

use async_trait::async_trait;
use berth_domain::Sequence;
use berth_ports::{Sequences, StoreResult};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::error::SqliteResult;
use super::statement::change;

#[async_trait]
impl Sequences for SqliteStore {
    async fn next(&self, sequence: Sequence) -> StoreResult<i64> {
        self.write(move |connection| next(connection, sequence.as_str()))
            .await
    }

    async fn raise(&self, sequence: Sequence, last: i64) -> StoreResult<()> {
        self.write(move |connection| raise(connection, sequence.as_str(), last))
            .await
    }
}

/// The next number of a counter, from 1 on.
pub(super) fn next(connection: &Connection, name: &str) -> SqliteResult<i64> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO sequences (name, last)
              VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET last = last + 1
           RETURNING last",
    )?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

fn raise(connection: &Connection, name: &str, last: i64) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO sequences (name, last)
              VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)",
        params![name, last],
    )?;
    Ok(())
}
