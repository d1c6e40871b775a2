//! The job queue. A received job is hidden until its visibility timeout is
//! over, and then received again.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::Envelope;
use berth_ports::{Delivery, JobQueue, StoreResult};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::SqliteResult;
use super::statement::{change, one, rows};
use super::value::Time;
use super::{SqliteStore, envelope};

/// Counting dead letters stops here.
const MAX_COUNT: usize = 1000;

#[async_trait]
impl JobQueue for SqliteStore {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> StoreResult<()> {
        let text = envelope::write(envelope)?;
        let visible_at = later(self.now(), delay);
        self.write(move |connection| {
            change(
                connection,
                "INSERT INTO jobs (envelope, visible_at, attempt)
                      VALUES (?1, ?2, 0)",
                params![text, visible_at],
            )?;
            Ok(())
        })
        .await
    }

    async fn receive(
        &self,
        limit: usize,
        visibility_timeout: Duration,
    ) -> StoreResult<Vec<Delivery>> {
        let now = self.now();
        self.write(move |connection| {
            let mut deliveries = Vec::new();
            for received in hide(connection, limit, now, later(now, visibility_timeout))? {
                match envelope::read(&received.text) {
                    Ok(envelope) => deliveries.push(received.deliver(envelope)),
                    Err(reason) => received.receipt.bury(connection, &reason, now)?,
                }
            }
            Ok(deliveries)
        })
        .await
    }

    async fn delete(&self, receipt: &str) -> StoreResult<()> {
        let Some(receipt) = Receipt::parse(receipt) else {
            return Ok(());
        };
        self.write(move |connection| {
            receipt.take(connection)?;
            Ok(())
        })
        .await
    }

    async fn retry(&self, receipt: &str, delay: Duration) -> StoreResult<()> {
        let Some(receipt) = Receipt::parse(receipt) else {
            return Ok(());
        };
        let visible_at = later(self.now(), delay);
        self.write(move |connection| {
            change(
                connection,
                "UPDATE jobs
                    SET visible_at = ?1
                  WHERE sequence = ?2 AND attempt = ?3",
                params![visible_at, receipt.sequence, receipt.attempt],
            )?;
            Ok(())
        })
        .await
    }

    async fn bury(&self, receipt: &str, reason: &str) -> StoreResult<()> {
        let Some(receipt) = Receipt::parse(receipt) else {
            return Ok(());
        };
        let (reason, now) = (reason.to_owned(), self.now());
        self.write(move |connection| receipt.bury(connection, &reason, now))
            .await
    }

    async fn buried(&self) -> StoreResult<usize> {
        self.read(|connection| {
            let count = one(
                connection,
                "SELECT count(*)
                   FROM (SELECT 1
                           FROM dead_letters
                          WHERE sequence > 0
                          LIMIT ?1)",
                [MAX_COUNT],
                |row| row.get(0),
            )?;
            Ok(count.unwrap_or_default())
        })
        .await
    }
}

/// A delivery as the table knows it: once received again, the attempt is
/// another and the receipt matches nothing.
#[derive(Clone, Copy)]
struct Receipt {
    sequence: i64,
    attempt: u32,
}

impl Receipt {
    fn parse(text: &str) -> Option<Self> {
        let (sequence, attempt) = text.split_once('-')?;
        Some(Self {
            sequence: sequence.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    }

    /// Takes the job out of the queue, if this is still its delivery.
    fn take(self, connection: &Connection) -> SqliteResult<Option<String>> {
        one(
            connection,
            "DELETE FROM jobs
              WHERE sequence = ?1 AND attempt = ?2
          RETURNING envelope",
            params![self.sequence, self.attempt],
            |row| row.get(0),
        )
    }

    fn bury(self, connection: &Connection, reason: &str, now: Timestamp) -> SqliteResult<()> {
        let Some(envelope) = self.take(connection)? else {
            return Ok(());
        };
        tracing::error!(
            envelope,
            reason,
            attempt = self.attempt,
            "a job is given up"
        );
        change(
            connection,
            "INSERT INTO dead_letters (sequence, envelope, attempt, reason, buried_at)
                  VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.sequence, envelope, self.attempt, reason, Time(now)],
        )?;
        Ok(())
    }
}

struct Received {
    receipt: Receipt,
    text: String,
}

impl Received {
    fn deliver(self, envelope: Envelope) -> Delivery {
        let Receipt { sequence, attempt } = self.receipt;
        Delivery {
            envelope,
            attempt,
            receipt: format!("{sequence}-{attempt}"),
        }
    }
}

/// Hides the jobs that were visible longest, until `until`.
fn hide(
    connection: &Connection,
    limit: usize,
    now: Timestamp,
    until: i64,
) -> SqliteResult<Vec<Received>> {
    rows(
        connection,
        "UPDATE jobs
            SET visible_at = ?1, attempt = attempt + 1
          WHERE sequence IN (SELECT sequence
                               FROM jobs
                              WHERE visible_at <= ?2
                              ORDER BY visible_at, sequence
                              LIMIT ?3)
      RETURNING sequence, attempt, envelope",
        params![until, Time(now), limit],
        |row| {
            let receipt = Receipt {
                sequence: row.get(0)?,
                attempt: row.get(1)?,
            };
            Ok(Received {
                receipt,
                text: row.get(2)?,
            })
        },
    )
}

/// The column's number for `delay` after `now`.
fn later(now: Timestamp, delay: Duration) -> i64 {
    let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
    Time(now).nanoseconds().saturating_add(delay)
}
