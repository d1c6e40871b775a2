//! Edges: which manifests name a blob or a child.

use berth_domain::{Edge, EdgeTarget, Page};
use berth_oci::{Digest, RepositoryName};
use berth_ports::GcSubject;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::SqliteResult;
use super::gc_queue;
use super::statement::{change, overread, rows};
use super::value::Text;

/// The two columns of a target.
const fn columns(target: EdgeTarget) -> (&'static str, Text<Digest>) {
    match target {
        EdgeTarget::Blob(digest) => ("blob", Text(digest)),
        EdgeTarget::Manifest(digest) => ("manifest", Text(digest)),
    }
}

pub(super) fn put(
    connection: &Connection,
    repository: &RepositoryName,
    edge: Edge,
    targets: &[EdgeTarget],
) -> SqliteResult<()> {
    for target in targets {
        let (kind, digest) = columns(*target);
        change(
            connection,
            "INSERT INTO edges (repository, kind, target, manifest, nonce)
                  VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
            params![
                repository.as_str(),
                kind,
                digest,
                Text(edge.manifest),
                Text(edge.nonce)
            ],
        )?;
    }
    Ok(())
}

pub(super) fn delete(
    connection: &Connection,
    repository: &RepositoryName,
    edge: Edge,
    targets: &[EdgeTarget],
    due: Timestamp,
) -> SqliteResult<()> {
    for target in targets {
        let (kind, digest) = columns(*target);
        change(
            connection,
            "DELETE FROM edges
              WHERE repository = ?1 AND kind = ?2 AND target = ?3 AND manifest = ?4 AND nonce = ?5",
            params![
                repository.as_str(),
                kind,
                digest,
                Text(edge.manifest),
                Text(edge.nonce)
            ],
        )?;
        gc_queue::put(connection, &GcSubject::target(repository, *target), due)?;
    }
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    repository: &RepositoryName,
    target: EdgeTarget,
    after: Option<Edge>,
    limit: usize,
) -> SqliteResult<Page<Edge>> {
    let (kind, digest) = columns(target);
    let items = rows(
        connection,
        "SELECT manifest, nonce
           FROM edges
          WHERE repository = ?1 AND kind = ?2 AND target = ?3 AND (manifest, nonce) > (?4, ?5)
          ORDER BY manifest, nonce
          LIMIT ?6",
        params![
            repository.as_str(),
            kind,
            digest,
            after
                .map(|edge| edge.manifest.to_string())
                .unwrap_or_default(),
            after.map(|edge| edge.nonce.to_string()).unwrap_or_default(),
            overread(limit),
        ],
        |row| {
            Ok(Edge {
                manifest: row.get::<_, Text<_>>("manifest")?.0,
                nonce: row.get::<_, Text<_>>("nonce")?.0,
            })
        },
    )?;
    Ok(Page::from_overread(items, limit))
}
