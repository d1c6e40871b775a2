//! The shapes of a statement: change rows, read one, read many. Each is
//! prepared once a connection.

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::error::SqliteResult;

/// Runs a statement that returns no rows; says how many it changed.
pub(super) fn change(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> SqliteResult<usize> {
    Ok(connection.prepare_cached(sql)?.execute(parameters)?)
}

/// Reads the one row there may be.
pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    decode: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> SqliteResult<Option<T>> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row(parameters, decode)
        .optional()?)
}

/// Whether there is such a row.
pub(super) fn exists(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> SqliteResult<bool> {
    Ok(connection.prepare_cached(sql)?.exists(parameters)?)
}

/// Reads all rows.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    decode: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> SqliteResult<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement
        .query_map(parameters, decode)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// Reads the first `limit` rows that can be read. The others are logged and
/// stay: they wait for a version that can read them, and hold up no other.
pub(super) fn readable_rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    limit: usize,
    mut decode: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> SqliteResult<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        match decode(row) {
            Ok(item) => found.push(item),
            Err(error) => tracing::error!(%error, "a record cannot be read, it is left alone"),
        }
    }
    Ok(found)
}

/// The `LIMIT` of a page: one row more than asked for tells whether there are
/// more ([`Page::from_overread`](berth_domain::Page::from_overread)).
pub(super) fn overread(limit: usize) -> usize {
    limit.saturating_add(1)
}
