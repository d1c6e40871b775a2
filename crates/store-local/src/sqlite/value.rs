//! How values of the domain are written in columns.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A value as the text that it prints and parses.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl<T: FromStr<Err: Error + Send + Sync + 'static>> FromSql for Text<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A time as nanoseconds since 1970; beyond the years 1677 to 2262 as their
/// ends.
pub(super) struct Time(pub(super) Timestamp);

impl Time {
    /// The column's number.
    pub(super) fn nanoseconds(&self) -> i64 {
        let nanoseconds = self.0.as_nanosecond();
        let end = if nanoseconds < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(nanoseconds).unwrap_or(end)
    }

    /// The time of the column's number.
    pub(super) fn from_nanoseconds(nanoseconds: i64) -> Self {
        // Every i64 is within jiff's years.
        Self(Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default())
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.nanoseconds().into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_nanoseconds)
    }
}

/// The version of the JSON in columns.
const JSON_VERSION: u32 = 1;

/// A value as JSON: `{"v":1,"value":..}`.
pub(super) struct Json<T>(pub(super) T);

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    v: u32,
    value: T,
}

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&Stored {
            v: JSON_VERSION,
            value: &self.0,
        })
        .map(Into::into)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let stored: Stored<&RawValue> =
            serde_json::from_str(value.as_str()?).map_err(FromSqlError::other)?;
        if stored.v > JSON_VERSION {
            return Err(FromSqlError::Other(
                "written by a newer version of this program".into(),
            ));
        }
        serde_json::from_str(stored.value.get())
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// The error for a record that holds what was never written there.
pub(super) fn column_error(what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what.into())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn through_a_column<T: ToSql, U: FromSql>(value: &T) -> rusqlite::Result<U> {
        Connection::open_in_memory()?.query_row("SELECT ?", [value], |row| row.get(0))
    }

    #[test]
    fn a_time_keeps_its_nanoseconds() {
        let time = Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap();
        assert_eq!(through_a_column::<_, Time>(&Time(time)).unwrap().0, time);
    }

    #[test]
    fn a_time_beyond_the_column_is_its_end() {
        let far: Time = through_a_column(&Time(Timestamp::MAX)).unwrap();
        assert_eq!(far.nanoseconds(), i64::MAX);
    }

    #[test]
    fn json_of_version_1_is_read() {
        let read: Json<Vec<u8>> = through_a_column(&r#"{"v":1,"value":[1,2]}"#).unwrap();
        assert_eq!(read.0, [1, 2]);
    }

    #[test]
    fn json_of_a_newer_version_is_refused() {
        let newer = format!(r#"{{"v":{},"value":[]}}"#, JSON_VERSION + 1);
        let error = through_a_column::<_, Json<Vec<u8>>>(&newer).err().unwrap();
        assert!(format!("{error:?}").contains("newer version"), "{error:?}");
    }
}
