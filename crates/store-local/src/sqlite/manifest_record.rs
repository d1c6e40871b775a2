//! The record of a manifest, whatever its state.

use berth_domain::{
    ArtifactId, Begun, ListedManifest, Manifest, ManifestContent, ManifestState, Nonce, Page,
};
use berth_oci::{Digest, RepositoryName};
use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use super::error::SqliteResult;
use super::statement::{one, overread, rows};
use super::value::{Json, Text, Time, column_error};

/// State and nonce: what decides.
pub(super) fn state(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> SqliteResult<Option<(ManifestState, Nonce)>> {
    one(
        connection,
        "SELECT state, nonce
           FROM manifests
          WHERE repository = ?1 AND digest = ?2",
        params![repository.as_str(), Text(digest)],
        |row| Ok((decode_state(row)?, row.get::<_, Text<_>>("nonce")?.0)),
    )
}

/// Those that are not live, behind a digest.
pub(super) fn unfinished(
    connection: &Connection,
    repository: &RepositoryName,
    after: Option<Digest>,
    limit: usize,
) -> SqliteResult<Page<(Digest, ManifestState, Nonce)>> {
    let after = after.map(|digest| digest.to_string()).unwrap_or_default();
    let items = rows(
        connection,
        "SELECT digest, state, nonce
           FROM manifests
          WHERE repository = ?1 AND digest > ?2 AND state <> 'live'
          ORDER BY digest
          LIMIT ?3",
        params![repository.as_str(), after, overread(limit)],
        |row| {
            let (digest, nonce) = (
                row.get::<_, Text<_>>("digest")?.0,
                row.get::<_, Text<_>>("nonce")?.0,
            );
            Ok((digest, decode_state(row)?, nonce))
        },
    )?;
    Ok(Page::from_overread(items, limit))
}

/// The manifest, if it is in this state, which is not pending.
pub(super) fn whole(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    state: ManifestState,
) -> SqliteResult<Option<Manifest>> {
    one(
        connection,
        "SELECT *
           FROM manifests
          WHERE repository = ?1 AND digest = ?2 AND state = ?3",
        params![repository.as_str(), Text(digest), state_column(state)],
        decode,
    )
}

/// What stands in the way of a new try, if anything does.
pub(super) fn found(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> SqliteResult<Option<Begun>> {
    one(
        connection,
        "SELECT *
           FROM manifests
          WHERE repository = ?1 AND digest = ?2",
        params![repository.as_str(), Text(digest)],
        |row| {
            let nonce = row.get::<_, Text<_>>("nonce")?.0;
            Begun::find(Some((decode_state(row)?, nonce))).with_live(|| decode(row).map(Box::new))
        },
    )
}

/// Reads a whole record that is or was live.
fn decode(row: &Row<'_>) -> rusqlite::Result<Manifest> {
    let inline: Option<Vec<u8>> = row.get("inline")?;
    let object_key: Option<Text<_>> = row.get("object_key")?;
    let content = match (inline, object_key) {
        (Some(bytes), None) => ManifestContent::Inline(Bytes::from(bytes)),
        (None, Some(key)) => ManifestContent::Object(key.0),
        _ => return Err(column_error("a manifest has no bytes, or has them twice")),
    };
    Ok(decode_listed(row)?.with_content(content))
}

/// Reads all but the bytes of a record that is or was live.
pub(super) fn decode_listed(row: &Row<'_>) -> rusqlite::Result<ListedManifest> {
    Ok(Manifest {
        repository: row.get::<_, Text<_>>("repository")?.0,
        digest: row.get::<_, Text<_>>("digest")?.0,
        nonce: row.get::<_, Text<_>>("nonce")?.0,
        id: ArtifactId(row.get("id")?),
        media_type: row.get("media_type")?,
        size: row.get("size")?,
        content: (),
        facts: row.get::<_, Json<_>>("facts")?.0,
        pushed_at: row.get::<_, Time>("pushed_at")?.0,
    })
}

fn decode_state(row: &Row<'_>) -> rusqlite::Result<ManifestState> {
    match row.get_ref("state")?.as_str()? {
        "pending" => Ok(ManifestState::Pending),
        "live" => Ok(ManifestState::Live),
        "deleting" => Ok(ManifestState::Deleting),
        _ => Err(column_error("no such state of a manifest")),
    }
}

/// A state as its column has it.
pub(super) const fn state_column(state: ManifestState) -> &'static str {
    match state {
        ManifestState::Pending => "pending",
        ManifestState::Live => "live",
        ManifestState::Deleting => "deleting",
    }
}
