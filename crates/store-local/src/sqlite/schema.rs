//! The tables, by numbered migrations. `PRAGMA user_version` is the number of
//! those that were applied.

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;

/// Each takes the database from its index to the next version. One that was
/// released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
];

/// Brings the database to this program's version.
pub(super) fn upgrade(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = applied(&transaction)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Makes sure that the database is at this program's version already.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let applied = applied(connection)?;
    if applied == MIGRATIONS.len() {
        return Ok(());
    }
    Err(OpenError::Older {
        found: applied,
        known: MIGRATIONS.len(),
    })
}

/// How many migrations the database has; refuses more than there are.
fn applied(connection: &Connection) -> Result<usize, OpenError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(OpenError::Newer {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(found)
}
