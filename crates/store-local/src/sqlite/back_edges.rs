//! Back-edges: which links need a blob, or are about to.

use berth_domain::{LinkId, Page};
use berth_oci::{Digest, RepositoryName};
use berth_ports::BackEdge;
use rusqlite::{Connection, params};

use super::error::SqliteResult;
use super::statement::{change, one, overread, rows};
use super::value::Text;

/// Puts a pending one.
pub(super) fn put(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    id: LinkId,
) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO back_edges (digest, repository, link_id, linked)
              VALUES (?1, ?2, ?3, FALSE)
         ON CONFLICT DO NOTHING",
        params![Text(digest), repository.as_str(), Text(id)],
    )?;
    Ok(())
}

/// Whether it is linked; `None` if it is not there.
pub(super) fn linked(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    id: LinkId,
) -> SqliteResult<Option<bool>> {
    one(
        connection,
        "SELECT linked
           FROM back_edges
          WHERE digest = ?1 AND repository = ?2 AND link_id = ?3",
        params![Text(digest), repository.as_str(), Text(id)],
        |row| row.get(0),
    )
}

pub(super) fn set_linked(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    id: LinkId,
) -> SqliteResult<()> {
    change(
        connection,
        "UPDATE back_edges
            SET linked = TRUE
          WHERE digest = ?1 AND repository = ?2 AND link_id = ?3",
        params![Text(digest), repository.as_str(), Text(id)],
    )?;
    Ok(())
}

/// Deletes one if it is linked, or is not, as `linked` says.
pub(super) fn delete(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    id: LinkId,
    linked: bool,
) -> SqliteResult<()> {
    change(
        connection,
        "DELETE FROM back_edges
          WHERE digest = ?1 AND repository = ?2 AND link_id = ?3 AND linked = ?4",
        params![Text(digest), repository.as_str(), Text(id), linked],
    )?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    digest: Digest,
    after: &(String, String),
    limit: usize,
) -> SqliteResult<Page<BackEdge>> {
    let items = rows(
        connection,
        "SELECT *
           FROM back_edges
          WHERE digest = ?1 AND (repository, link_id) > (?2, ?3)
          ORDER BY repository, link_id
          LIMIT ?4",
        params![Text(digest), after.0, after.1, overread(limit)],
        |row| {
            Ok(BackEdge {
                repository: row.get::<_, Text<_>>("repository")?.0,
                id: row.get::<_, Text<_>>("link_id")?.0,
                linked: row.get("linked")?,
            })
        },
    )?;
    Ok(Page::from_overread(items, limit))
}
