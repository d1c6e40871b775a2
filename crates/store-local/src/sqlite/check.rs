//! Whether the database is as this program needs it.

use super::{connection, schema};
use crate::{DataFolder, OpenError};

/// Opens the database as a server does, which another may serve meanwhile: it
/// must be of this program's version, and keep a write-ahead log.
pub(crate) fn check_database(folder: &DataFolder) -> Result<(), OpenError> {
    let connection = connection::open_writer(&folder.existing_database()?)?;
    schema::check(&connection)?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(OpenError::NoLog(mode))
    }
}
