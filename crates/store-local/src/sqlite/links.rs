//! Blobs, and the links that make them visible. Back-edges have their own file.

use async_trait::async_trait;
use berth_domain::{Blob, Link, LinkId, LinkState, LinkToken, Page, ProjectId};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{
    BackEdge, CommitLink, GcSubject, LinkCommit, LinkStore, StoreError, StoreResult,
};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::{SqliteError, SqliteResult};
use super::statement::{change, one, overread, rows};
use super::value::{Text, Time};
use super::{SqliteStore, back_edges, gc_queue, link_commit};

#[async_trait]
impl LinkStore for SqliteStore {
    async fn link(&self, repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Link>> {
        let repository = repository.clone();
        self.read(move |connection| link(connection, &repository, digest))
            .await
    }

    async fn blob(&self, digest: Digest) -> StoreResult<Option<Blob>> {
        self.read(move |connection| blob(connection, digest)).await
    }

    async fn prepare_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        due: Timestamp,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| {
            let subject = GcSubject::Link(repository.clone(), digest);
            gc_queue::put(connection, &subject, due)?;
            back_edges::put(connection, &repository, digest, id)
        })
        .await
    }

    async fn commit_link(&self, commit: &CommitLink) -> StoreResult<LinkCommit> {
        let (commit, written_at) = (commit.clone(), self.now());
        self.write(move |connection| link_commit::commit(connection, &commit, written_at))
            .await
    }

    async fn withdraw_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        // Should it be lost, the entry in the queue leads to the back-edge.
        self.write_in_order(move |connection| {
            back_edges::delete(connection, &repository, digest, id, false)?;
            Ok(())
        })
        .await
    }

    async fn revive_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        condemned: Option<LinkToken>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| {
            let revived = change(
                connection,
                "UPDATE links
                    SET token = NULL, touched_at = ?1
                  WHERE repository = ?2 AND digest = ?3 AND token IS ?4",
                params![
                    Time(now),
                    repository.as_str(),
                    Text(digest),
                    condemned.map(Text)
                ],
            )?;
            expect_one(revived, &repository, digest)
        })
        .await
    }

    async fn condemn_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        token: LinkToken,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        // What relies on it is written after it, and survives only with it.
        self.write_in_order(move |connection| {
            let condemned = change(
                connection,
                "UPDATE links
                    SET token = ?1
                  WHERE repository = ?2 AND digest = ?3 AND token IS NULL AND link_id = ?4",
                params![Text(token), repository.as_str(), Text(digest), Text(id)],
            )?;
            expect_one(condemned, &repository, digest)
        })
        .await
    }

    async fn delete_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        token: LinkToken,
        due: Timestamp,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| delete(connection, &repository, digest, token, due))
            .await
    }

    async fn delete_blob(&self, blob: &Blob, due: Timestamp) -> StoreResult<()> {
        let blob = blob.clone();
        // Synced: the object's file goes after it, and is not in the log.
        self.write(move |connection| delete_unchanged(connection, &blob, due))
            .await
    }

    async fn back_edges(
        &self,
        digest: Digest,
        after: Option<(&RepositoryName, LinkId)>,
        limit: usize,
    ) -> StoreResult<Page<BackEdge>> {
        let after = after.map(|(repository, id)| (repository.to_string(), id.to_string()));
        self.read(move |connection| {
            back_edges::list(connection, digest, &after.unwrap_or_default(), limit)
        })
        .await
    }

    async fn list_links(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Link>> {
        let (repository, after) = (repository.clone(), text(after));
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM links
                  WHERE repository = ?1 AND digest > ?2
                  ORDER BY digest
                  LIMIT ?3",
                params![repository.as_str(), after, overread(limit)],
                decode_link,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn list_blobs(&self, after: Option<Digest>, limit: usize) -> StoreResult<Page<Blob>> {
        let after = text(after);
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM blobs
                  WHERE digest > ?1
                  ORDER BY digest
                  LIMIT ?2",
                params![after, overread(limit)],
                decode_blob,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }
}

/// Where a list by digest goes on; the empty text comes before all.
fn text(after: Option<Digest>) -> String {
    after.map(|digest| digest.to_string()).unwrap_or_default()
}

pub(super) fn link(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> SqliteResult<Option<Link>> {
    one(
        connection,
        "SELECT *
           FROM links
          WHERE repository = ?1 AND digest = ?2",
        params![repository.as_str(), Text(digest)],
        decode_link,
    )
}

pub(super) fn blob(connection: &Connection, digest: Digest) -> SqliteResult<Option<Blob>> {
    one(
        connection,
        "SELECT *
           FROM blobs
          WHERE digest = ?1",
        [Text(digest)],
        decode_blob,
    )
}

fn delete(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    token: LinkToken,
    due: Timestamp,
) -> SqliteResult<()> {
    let life = one(
        connection,
        "DELETE FROM links
          WHERE repository = ?1 AND digest = ?2 AND token = ?3
      RETURNING link_id",
        params![repository.as_str(), Text(digest), Text(token)],
        |row| row.get::<_, Text<LinkId>>(0),
    )?;
    let Some(Text(id)) = life else {
        return Err(changed(repository, digest));
    };
    back_edges::delete(connection, repository, digest, id, true)?;
    gc_queue::put(connection, &GcSubject::Blob(digest), due)
}

fn delete_unchanged(connection: &Connection, blob: &Blob, due: Timestamp) -> SqliteResult<()> {
    let deleted = change(
        connection,
        "DELETE FROM blobs
          WHERE digest = ?1 AND object_key = ?2 AND generation = ?3",
        params![Text(blob.digest), Text(blob.key), blob.generation],
    )?;
    if deleted == 0 {
        return Err(StoreError::Conflict(format!("blob {}", blob.digest)).into());
    }
    gc_queue::put(connection, &GcSubject::Object(blob.key), due)
}

fn decode_link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let token: Option<Text<_>> = row.get("token")?;
    Ok(Link {
        repository: row.get::<_, Text<_>>("repository")?.0,
        project: ProjectId(row.get("project")?),
        digest: row.get::<_, Text<_>>("digest")?.0,
        id: row.get::<_, Text<_>>("link_id")?.0,
        state: token.map_or(LinkState::Live, |token| LinkState::Condemned(token.0)),
        key: row.get::<_, Text<_>>("object_key")?.0,
        size: row.get("size")?,
        touched_at: row.get::<_, Time>("touched_at")?.0,
    })
}

fn decode_blob(row: &Row<'_>) -> rusqlite::Result<Blob> {
    Ok(Blob {
        digest: row.get::<_, Text<_>>("digest")?.0,
        key: row.get::<_, Text<_>>("object_key")?.0,
        size: row.get("size")?,
        generation: row.get("generation")?,
    })
}

fn expect_one(
    changed_rows: usize,
    repository: &RepositoryName,
    digest: Digest,
) -> SqliteResult<()> {
    if changed_rows == 0 {
        Err(changed(repository, digest))
    } else {
        Ok(())
    }
}

fn changed(repository: &RepositoryName, digest: Digest) -> SqliteError {
    StoreError::Conflict(format!("link {repository}@{digest}")).into()
}
