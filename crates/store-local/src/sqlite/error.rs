//! What a failure of SQLite means to the caller of a port.

use berth_ports::StoreError;
use rusqlite::ErrorCode;

/// A [`StoreError`] that `?` makes of SQLite's errors.
#[derive(Debug)]
pub(super) struct SqliteError(StoreError);

/// The result of work on a connection.
pub(super) type SqliteResult<T> = Result<T, SqliteError>;

impl From<StoreError> for SqliteError {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        error.0
    }
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        Self(store_error(error))
    }
}

fn store_error(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error;
    match &error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Corrupt(error.to_string()),
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Corrupt(error.to_string())
            }
            ErrorCode::ConstraintViolation => {
                StoreError::Conflict(format!("a unique record ({error})"))
            }
            _ => StoreError::unavailable(error),
        },
        _ => StoreError::unavailable(error),
    }
}
