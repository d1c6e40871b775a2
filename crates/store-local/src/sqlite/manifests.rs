//! Manifests, from the first sign of them to the last. Each step is a write by
//! key on condition of state and nonce.

use async_trait::async_trait;
use berth_domain::{
    Begun, Edge, EdgeTarget, Envelope, ListedManifest, Manifest, ManifestChange, ManifestContent,
    ManifestState, Nonce, Page, Referrer,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{
    BeginDelete, CommitManifest, DeleteEnd, GcSubject, ManifestStore, StoreError, StoreResult,
};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::{SqliteError, SqliteResult};
use super::statement::{change, overread, rows};
use super::value::{Json, Text, Time};
use super::{SqliteStore, edges, gc_queue, manifest_record, outbox, referrers, tags, uploads};
use crate::space;

#[async_trait]
impl ManifestStore for SqliteStore {
    async fn begin_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        due: Timestamp,
    ) -> StoreResult<Begun> {
        let repository = repository.clone();
        self.write(move |connection| begin(connection, &repository, digest, nonce, due))
            .await
    }

    async fn put_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> StoreResult<()> {
        let repository = repository.clone();
        let targets = targets.to_vec();
        self.write(move |connection| edges::put(connection, &repository, edge, &targets))
            .await
    }

    async fn delete_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
        due: Timestamp,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        let targets = targets.to_vec();
        // Should it be lost, the job or entry that led here is back with it,
        // and the edges count for nothing, as before.
        self.write_in_order(move |connection| {
            edges::delete(connection, &repository, edge, &targets, due)
        })
        .await
    }

    async fn edges(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
        after: Option<Edge>,
        limit: usize,
    ) -> StoreResult<Page<Edge>> {
        let repository = repository.clone();
        self.read(move |connection| edges::list(connection, &repository, target, after, limit))
            .await
    }

    async fn commit_manifest(&self, commit: &CommitManifest) -> StoreResult<()> {
        let commit = commit.clone();
        self.write(move |connection| self::commit(connection, &commit))
            .await
    }

    async fn abort_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        jobs: &[Envelope],
    ) -> StoreResult<()> {
        let (repository, jobs, written_at) = (repository.clone(), jobs.to_vec(), self.now());
        self.write(move |connection| {
            turn(
                connection,
                &repository,
                digest,
                nonce,
                ManifestChange::Abort,
            )?;
            outbox::put(connection, &jobs, written_at)
        })
        .await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        let repository = repository.clone();
        let live = ManifestState::Live;
        self.read(move |connection| manifest_record::whole(connection, &repository, digest, live))
            .await
    }

    async fn deleting_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        let repository = repository.clone();
        let state = ManifestState::Deleting;
        self.read(move |connection| manifest_record::whole(connection, &repository, digest, state))
            .await
    }

    async fn manifest_state(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<(ManifestState, Nonce)>> {
        let repository = repository.clone();
        self.read(move |connection| manifest_record::state(connection, &repository, digest))
            .await
    }

    async fn list_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<ListedManifest>> {
        let repository = repository.clone();
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT repository, digest, nonce, id, media_type, size, facts, pushed_at
                   FROM manifests
                  WHERE repository = ?1 AND digest > ?2 AND state = 'live'
                  ORDER BY digest
                  LIMIT ?3",
                params![
                    repository.as_str(),
                    after.map(|digest| digest.to_string()).unwrap_or_default(),
                    overread(limit)
                ],
                manifest_record::decode_listed,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> StoreResult<Page<Referrer>> {
        let repository = repository.clone();
        let artifact_type = artifact_type.map(ToOwned::to_owned);
        let after = after.map(|(kind, digest)| (kind.to_owned(), digest.to_string()));
        self.read(move |connection| {
            let after = after.unwrap_or_default();
            let items = match artifact_type {
                Some(kind) => {
                    referrers::of_type(connection, &repository, subject, &kind, &after, limit)
                }
                None => referrers::all(connection, &repository, subject, &after, limit),
            }?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn touch_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> StoreResult<()> {
        let repository = repository.clone();
        self.write(move |connection| {
            change(
                connection,
                "UPDATE manifests
                    SET touched_at = max(?1, coalesce(touched_at, ?1))
                  WHERE repository = ?2 AND digest = ?3 AND state = 'live'",
                params![Time(now), repository.as_str(), Text(digest)],
            )?;
            Ok(())
        })
        .await
    }

    async fn begin_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        deletion: &BeginDelete,
    ) -> StoreResult<()> {
        let (repository, deletion) = (repository.clone(), *deletion);
        self.write(move |connection| hide(connection, &repository, digest, nonce, deletion))
            .await
    }

    async fn end_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        end: &DeleteEnd,
    ) -> StoreResult<()> {
        let (repository, end, written_at) = (repository.clone(), end.clone(), self.now());
        self.write(move |connection| match end {
            DeleteEnd::Gone(jobs) => {
                referrers::delete(connection, &repository, digest)?;
                turn(connection, &repository, digest, nonce, ManifestChange::End)?;
                outbox::put(connection, &jobs, written_at)
            }
            DeleteEnd::Restored => {
                let change = ManifestChange::Restore;
                turn(connection, &repository, digest, nonce, change)?;
                referrers::set_hidden(connection, &repository, digest, false)
            }
        })
        .await
    }
}

fn begin(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    nonce: Nonce,
    due: Timestamp,
) -> SqliteResult<Begun> {
    if let Some(found) = manifest_record::found(connection, repository, digest)? {
        return Ok(found);
    }
    space::check_database(connection)?;
    change(
        connection,
        "INSERT INTO manifests (repository, digest, state, nonce)
              VALUES (?1, ?2, 'pending', ?3)",
        params![repository.as_str(), Text(digest), Text(nonce)],
    )?;
    let subject = GcSubject::Manifest(repository.clone(), digest);
    gc_queue::put(connection, &subject, due)?;
    Ok(Begun::Started)
}

fn commit(connection: &Connection, commit: &CommitManifest) -> SqliteResult<()> {
    let manifest = &commit.manifest;
    let subject = manifest.facts.subject.zip(commit.referrer.as_ref());
    make_live(connection, manifest, subject)?;
    if let Some((subject, referrer)) = subject {
        referrers::put(connection, &manifest.repository, subject, referrer)?;
    }
    if let Some((id, epoch)) = commit.session
        && !uploads::end(connection, id, epoch)?
    {
        return Err(StoreError::Conflict(format!("upload session {id}")).into());
    }
    tags::put(connection, manifest, &commit.tags, manifest.pushed_at)
}

fn make_live(
    connection: &Connection,
    manifest: &Manifest,
    subject: Option<(Digest, &Referrer)>,
) -> SqliteResult<()> {
    let (inline, object_key) = match &manifest.content {
        ManifestContent::Inline(bytes) => (Some(&**bytes), None),
        ManifestContent::Object(key) => (None, Some(Text(key))),
    };
    let committed = change(
        connection,
        "UPDATE manifests
            SET state = 'live', id = ?1, media_type = ?2, size = ?3, facts = ?4, pushed_at = ?5,
                subject = ?6, subject_type = ?7, object_key = ?8, inline = ?9
          WHERE repository = ?10 AND digest = ?11 AND state = 'pending' AND nonce = ?12",
        params![
            manifest.id.0,
            manifest.media_type,
            manifest.size,
            Json(&manifest.facts),
            Time(manifest.pushed_at),
            subject.map(|(digest, _)| Text(digest)),
            subject.map(|(_, referrer)| referrers::type_column(referrer)),
            object_key,
            inline,
            manifest.repository.as_str(),
            Text(manifest.digest),
            Text(manifest.nonce),
        ],
    )?;
    expect_one(committed, &manifest.repository, manifest.digest)
}

fn hide(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    nonce: Nonce,
    deletion: BeginDelete,
) -> SqliteResult<()> {
    let hidden = change(
        connection,
        "UPDATE manifests
            SET state = 'deleting'
          WHERE repository = ?1 AND digest = ?2 AND state = 'live' AND nonce = ?3
            AND (?4 IS NULL OR max(pushed_at, coalesce(touched_at, pushed_at)) < ?4)",
        params![
            repository.as_str(),
            Text(digest),
            Text(nonce),
            deletion.untouched_since.map(Time),
        ],
    )?;
    expect_one(hidden, repository, digest)?;
    referrers::set_hidden(connection, repository, digest, true)?;
    let subject = GcSubject::Manifest(repository.clone(), digest);
    gc_queue::put(connection, &subject, deletion.due)
}

/// Makes a change of state, if it applies.
fn turn(
    connection: &Connection,
    repository: &RepositoryName,
    digest: Digest,
    nonce: Nonce,
    change: ManifestChange,
) -> SqliteResult<()> {
    let needs = manifest_record::state_column(change.needs());
    let turned = match change.leads_to() {
        Some(state) => self::change(
            connection,
            "UPDATE manifests
                SET state = ?1
              WHERE repository = ?2 AND digest = ?3 AND state = ?4 AND nonce = ?5",
            params![
                manifest_record::state_column(state),
                repository.as_str(),
                Text(digest),
                needs,
                Text(nonce),
            ],
        ),
        None => self::change(
            connection,
            "DELETE FROM manifests
              WHERE repository = ?1 AND digest = ?2 AND state = ?3 AND nonce = ?4",
            params![repository.as_str(), Text(digest), needs, Text(nonce)],
        ),
    }?;
    expect_one(turned, repository, digest)
}

fn expect_one(
    changed: usize,
    repository: &RepositoryName,
    digest: Digest,
) -> Result<(), SqliteError> {
    if changed == 0 {
        return Err(StoreError::Conflict(format!("manifest {repository}@{digest}")).into());
    }
    Ok(())
}
