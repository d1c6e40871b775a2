//! Tags.

use async_trait::async_trait;
use berth_domain::{Expect, Manifest, ManifestState, Page, Tag, Version};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{StoreError, StoreResult, TagStore};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::SqliteResult;
use super::statement::{change, one, overread, rows};
use super::value::{Text, Time};
use super::{SqliteStore, manifest_record};

#[async_trait]
impl TagStore for SqliteStore {
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>> {
        let (repository, tag) = (repository.clone(), tag.clone());
        self.read(move |connection| get(connection, &repository, &tag))
            .await
    }

    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()> {
        let (manifest, tags) = (manifest.clone(), tags.to_vec());
        self.write(move |connection| {
            let Manifest {
                repository,
                digest,
                nonce,
                ..
            } = &manifest;
            let state = manifest_record::state(connection, repository, *digest)?;
            if state != Some((ManifestState::Live, *nonce)) {
                let label = format!("manifest {repository}@{digest}");
                return Err(StoreError::Conflict(label).into());
            }
            put(connection, &manifest, &tags, now)
        })
        .await
    }

    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()> {
        let (repository, tag) = (repository.clone(), tag.clone());
        self.write(move |connection| {
            change(
                connection,
                "UPDATE tags
                    SET checked_at = ?1, version = version + 1
                  WHERE repository = ?2 AND name = ?3 AND version = ?4",
                params![Time(now), repository.as_str(), tag.as_str(), version.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()> {
        let (repository, tag) = (repository.clone(), tag.clone());
        self.write(move |connection| delete(connection, &repository, &tag, expect))
            .await
    }

    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>> {
        let (repository, after) = (repository.clone(), after.unwrap_or_default().to_owned());
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT name
                   FROM tags
                  WHERE repository = ?1 AND name > ?2
                  ORDER BY name
                  LIMIT ?3",
                params![repository.as_str(), after, overread(limit)],
                |row| name(row, 0),
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>> {
        let repository = repository.clone();
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT digest, media_type, size, pushed_at, checked_at, version, name
                   FROM tags INDEXED BY tags_by_digest
                  WHERE repository = ?1 AND digest = ?2 AND name > ?3
                  ORDER BY name
                  LIMIT ?4",
                params![repository.as_str(), Text(digest), after, overread(limit)],
                |row| Ok((name(row, 6)?, decode(row)?)),
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }
}

fn get(
    connection: &Connection,
    repository: &RepositoryName,
    tag: &TagName,
) -> SqliteResult<Option<Tag>> {
    one(
        connection,
        "SELECT digest, media_type, size, pushed_at, checked_at, version
           FROM tags
          WHERE repository = ?1 AND name = ?2",
        [repository.as_str(), tag.as_str()],
        decode,
    )
}

/// Sets tags to a manifest that is live.
pub(super) fn put(
    connection: &Connection,
    manifest: &Manifest,
    tags: &[TagName],
    now: Timestamp,
) -> SqliteResult<()> {
    for tag in tags {
        change(
            connection,
            "INSERT INTO tags (repository, name, digest, media_type, size,
                               pushed_at, checked_at, version)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
             ON CONFLICT (repository, name) DO UPDATE
                     SET digest = excluded.digest, media_type = excluded.media_type,
                         size = excluded.size, checked_at = excluded.checked_at,
                         pushed_at = iif(digest = excluded.digest, pushed_at, excluded.pushed_at),
                         version = version + 1",
            params![
                manifest.repository.as_str(),
                tag.as_str(),
                Text(manifest.digest),
                manifest.media_type,
                manifest.size,
                Time(now),
                Version::fresh(now).0,
            ],
        )?;
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    repository: &RepositoryName,
    tag: &TagName,
    expect: Expect,
) -> SqliteResult<()> {
    let label = || format!("tag {repository}:{tag}");
    let Some(found) = get(connection, repository, tag)? else {
        return Err(StoreError::NotFound(label()).into());
    };
    if !expect.holds(Some(found.version)) {
        return Err(StoreError::Conflict(label()).into());
    }
    change(
        connection,
        "DELETE FROM tags
          WHERE repository = ?1 AND name = ?2",
        [repository.as_str(), tag.as_str()],
    )?;
    Ok(())
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<TagName> {
    Ok(row.get::<_, Text<_>>(column)?.0)
}

/// Reads the columns by their order: it is done for each pull by tag, and to
/// look for their names takes longer than to find the row.
fn decode(row: &Row<'_>) -> rusqlite::Result<Tag> {
    Ok(Tag {
        digest: row.get::<_, Text<_>>(0)?.0,
        media_type: row.get(1)?,
        size: row.get(2)?,
        pushed_at: row.get::<_, Time>(3)?.0,
        checked_at: row.get::<_, Time>(4)?.0,
        version: Version(row.get(5)?),
    })
}
