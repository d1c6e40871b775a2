//! Referrers: the manifests of a subject, by artifact type and digest. A row
//! is hidden while its manifest is being deleted.

use berth_domain::Referrer;
use berth_oci::{Digest, RepositoryName};
use rusqlite::{Connection, Row, params};

use super::error::SqliteResult;
use super::statement::{change, overread, rows};
use super::value::{Json, Text};

/// The artifact type as part of the key.
pub(super) fn type_column(referrer: &Referrer) -> &str {
    referrer.artifact_type.as_deref().unwrap_or_default()
}

pub(super) fn put(
    connection: &Connection,
    repository: &RepositoryName,
    subject: Digest,
    referrer: &Referrer,
) -> SqliteResult<()> {
    change(
        connection,
        "INSERT OR REPLACE INTO referrers (repository, subject, artifact_type, digest, hidden,
                                           media_type, size, annotations)
              VALUES (?1, ?2, ?3, ?4, FALSE, ?5, ?6, ?7)",
        params![
            repository.as_str(),
            Text(subject),
            type_column(referrer),
            Text(referrer.digest),
            referrer.media_type,
            referrer.size,
            referrer.annotations.as_ref().map(Json),
        ],
    )?;
    Ok(())
}

/// Hides or shows the row of a manifest, if it has one.
pub(super) fn set_hidden(
    connection: &Connection,
    repository: &RepositoryName,
    manifest: Digest,
    hidden: bool,
) -> SqliteResult<()> {
    change(
        connection,
        "UPDATE referrers
            SET hidden = ?1
          WHERE repository = ?2 AND digest = ?3
            AND (subject, artifact_type) = (SELECT subject, subject_type
                                              FROM manifests
                                             WHERE repository = ?2 AND digest = ?3)",
        params![hidden, repository.as_str(), Text(manifest)],
    )?;
    Ok(())
}

/// Deletes the row of a manifest that still has its own record.
pub(super) fn delete(
    connection: &Connection,
    repository: &RepositoryName,
    manifest: Digest,
) -> SqliteResult<()> {
    change(
        connection,
        "DELETE FROM referrers
          WHERE repository = ?1 AND digest = ?2
            AND (subject, artifact_type) = (SELECT subject, subject_type
                                              FROM manifests
                                             WHERE repository = ?1 AND digest = ?2)",
        params![repository.as_str(), Text(manifest)],
    )?;
    Ok(())
}

pub(super) fn all(
    connection: &Connection,
    repository: &RepositoryName,
    subject: Digest,
    after: &(String, String),
    limit: usize,
) -> SqliteResult<Vec<Referrer>> {
    rows(
        connection,
        "SELECT *
           FROM referrers
          WHERE repository = ?1 AND subject = ?2 AND (artifact_type, digest) > (?3, ?4)
            AND NOT hidden
          ORDER BY artifact_type, digest
          LIMIT ?5",
        params![
            repository.as_str(),
            Text(subject),
            after.0,
            after.1,
            overread(limit)
        ],
        decode,
    )
}

pub(super) fn of_type(
    connection: &Connection,
    repository: &RepositoryName,
    subject: Digest,
    artifact_type: &str,
    after: &(String, String),
    limit: usize,
) -> SqliteResult<Vec<Referrer>> {
    let after = match after.0.as_str().cmp(artifact_type) {
        std::cmp::Ordering::Less => "",
        std::cmp::Ordering::Equal => &after.1,
        std::cmp::Ordering::Greater => return Ok(Vec::new()),
    };
    rows(
        connection,
        "SELECT *
           FROM referrers
          WHERE repository = ?1 AND subject = ?2 AND artifact_type = ?3 AND digest > ?4
            AND NOT hidden
          ORDER BY digest
          LIMIT ?5",
        params![
            repository.as_str(),
            Text(subject),
            artifact_type,
            after,
            overread(limit)
        ],
        decode,
    )
}

fn decode(row: &Row<'_>) -> rusqlite::Result<Referrer> {
    let artifact_type: String = row.get("artifact_type")?;
    Ok(Referrer {
        digest: row.get::<_, Text<_>>("digest")?.0,
        media_type: row.get("media_type")?,
        size: row.get("size")?,
        artifact_type: Some(artifact_type).filter(|kind| !kind.is_empty()),
        annotations: row
            .get::<_, Option<Json<_>>>("annotations")?
            .map(|json| json.0),
    })
}
