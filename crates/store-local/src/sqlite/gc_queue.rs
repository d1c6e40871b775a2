//! The queue of what may be collected: one entry per enqueue, by due time.

use async_trait::async_trait;
use berth_oci::{Digest, RepositoryName};
use berth_ports::{GcEntry, GcQueue, GcSubject, StoreError, StoreResult};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::error::SqliteResult;
use super::sequences;
use super::statement::{change, rows};
use super::value::{Text, Time, column_error};

#[async_trait]
impl GcQueue for SqliteStore {
    async fn due(
        &self,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<GcEntry>> {
        let after = match after {
            Some(key) => place(key)?,
            None => Place {
                due: i64::MIN,
                entry: 0,
            },
        };
        self.read(move |connection| {
            rows(
                connection,
                "SELECT *
                   FROM gc_queue
                  WHERE (due, entry) > (?1, ?2) AND due <= ?3
                  ORDER BY due, entry
                  LIMIT ?4",
                params![after.due, after.entry, Time(now), limit],
                decode,
            )
        })
        .await
    }

    async fn postpone(&self, entry: &GcEntry, due: Timestamp) -> StoreResult<()> {
        let (subject, place) = (entry.subject.clone(), place(&entry.key)?);
        // An entry that comes back is looked at again.
        self.write_in_order(move |connection| {
            put(connection, &subject, due)?;
            delete(connection, place)
        })
        .await
    }

    async fn decided(&self, keys: &[String]) -> StoreResult<()> {
        let places = keys
            .iter()
            .map(|key| place(key))
            .collect::<StoreResult<Vec<_>>>()?;
        // An entry that comes back is looked at again.
        self.write_in_order(move |connection| {
            places
                .iter()
                .try_for_each(|place| delete(connection, *place))
        })
        .await
    }
}

fn place(key: &str) -> StoreResult<Place> {
    Place::parse(key).ok_or_else(|| StoreError::NotFound(format!("gc queue key {key:?}")))
}

fn delete(connection: &Connection, place: Place) -> SqliteResult<()> {
    change(
        connection,
        "DELETE FROM gc_queue
          WHERE due = ?1 AND entry = ?2",
        params![place.due, place.entry],
    )?;
    Ok(())
}

/// Adds an entry.
pub(super) fn put(
    connection: &Connection,
    subject: &GcSubject,
    due: Timestamp,
) -> SqliteResult<()> {
    let (kind, repository, subject) = match subject {
        GcSubject::Link(repository, digest) => ("link", Some(repository), digest.to_string()),
        GcSubject::Manifest(repository, digest) => {
            ("manifest", Some(repository), digest.to_string())
        }
        GcSubject::Child(repository, digest) => ("child", Some(repository), digest.to_string()),
        GcSubject::Blob(digest) => ("blob", None, digest.to_string()),
        GcSubject::Object(key) => ("object", None, key.to_string()),
    };
    let entry = sequences::next(connection, "gc-entry")?;
    change(
        connection,
        "INSERT INTO gc_queue (due, entry, kind, repository, subject)
              VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            Time(due),
            entry,
            kind,
            repository.map(RepositoryName::as_str),
            subject
        ],
    )?;
    Ok(())
}

/// An entry's key as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    due: i64,
    entry: i64,
}

/// Makes negative numbers sort before positive ones when read as unsigned.
const SIGN: i64 = i64::MIN;

impl Place {
    /// Texts that sort as the places do.
    fn key(self) -> String {
        format!("{:016x}{:016x}", self.due ^ SIGN, self.entry ^ SIGN)
    }

    fn parse(key: &str) -> Option<Self> {
        let number = |text| {
            u64::from_str_radix(text, 16)
                .ok()
                .map(|n| n.cast_signed() ^ SIGN)
        };
        let (due, entry) = key
            .split_at_checked(16)
            .filter(|(_, entry)| entry.len() == 16)?;
        Some(Self {
            due: number(due)?,
            entry: number(entry)?,
        })
    }
}

fn decode(row: &Row<'_>) -> rusqlite::Result<GcEntry> {
    let due: i64 = row.get("due")?;
    let digest = || Ok::<Digest, rusqlite::Error>(row.get::<_, Text<_>>("subject")?.0);
    let repository: Option<Text<RepositoryName>> = row.get("repository")?;
    let subject = match (row.get_ref("kind")?.as_str()?, repository) {
        ("link", Some(repository)) => GcSubject::Link(repository.0, digest()?),
        ("manifest", Some(repository)) => GcSubject::Manifest(repository.0, digest()?),
        ("child", Some(repository)) => GcSubject::Child(repository.0, digest()?),
        ("blob", None) => GcSubject::Blob(digest()?),
        ("object", None) => GcSubject::Object(row.get::<_, Text<_>>("subject")?.0),
        _ => return Err(column_error("no such kind of gc entry")),
    };
    let place = Place {
        due,
        entry: row.get("entry")?,
    };
    Ok(GcEntry {
        key: place.key(),
        due: Time::from_nanoseconds(due).0,
        subject,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_places_and_lead_back_to_them() {
        let places = [
            (i64::MIN, 1),
            (-1, 7),
            (0, 1),
            (0, 2),
            (1, 1),
            (i64::MAX, i64::MAX),
        ]
        .map(|(due, entry)| Place { due, entry });
        let keys = places.map(Place::key);
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| Place::parse(&key)), places.map(Some));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in ["", "0", "é123456789012345é123456789012345", &"x".repeat(32)] {
            assert_eq!(Place::parse(key), None, "{key}");
        }
    }
}
