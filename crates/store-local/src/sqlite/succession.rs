//! What the process before this one has left undone: whoever has the folder's
//! lock is the only one that does jobs, so nothing has to run out first.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::value::Time;

/// Sends the jobs that were written and not sent, and gives those back that
/// were being done, or were to be tried again. Where the disk is full they wait
/// for their time.
pub(super) fn take_over(connection: &mut Connection, now: Timestamp) {
    if let Err(error) = try_take_over(connection, now) {
        tracing::warn!(%error, "jobs of the last run wait for their time");
    }
}

fn try_take_over(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT INTO jobs (envelope, visible_at, attempt)
         SELECT envelope, ?1, 0
           FROM outbox
          WHERE written_at <= ?1
          ORDER BY written_at, id",
        [Time(now)],
    )?;
    transaction.execute("DELETE FROM outbox WHERE written_at <= ?1", [Time(now)])?;
    transaction.execute(
        "UPDATE jobs
            SET visible_at = ?1
          WHERE visible_at > ?1 AND attempt > 0",
        [Time(now)],
    )?;
    transaction.commit()
}
