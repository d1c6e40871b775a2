//! Manifests, from the first sign of them to the last. Each step is a write on
//! condition of state and nonce. A manifest can be hidden and restored again and
//! again under one nonce: steps that lead there and back are transactions, so
//! that a repetition that arrives late finds its token used and does nothing.

use async_trait::async_trait;
use berth_domain::{
    Begun, Edge, EdgeTarget, Envelope, ListedManifest, Manifest, ManifestChange, ManifestState,
    Nonce, Page, Referrer,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BeginDelete, CommitManifest, DeleteEnd, GcSubject, ManifestStore, StoreResult};
use jiff::Timestamp;

use super::manifest_record::{self as record, TOUCHED_AT, changed};
use super::{Condition, DynamoStore, Item, Query, Update, Write, key, outbox, referrers, uploads};

#[async_trait]
impl ManifestStore for DynamoStore {
    async fn begin_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        due: Timestamp,
    ) -> StoreResult<Begun> {
        let subject = GcSubject::Manifest(repository.clone(), digest);
        let entry = self.held_gc_entry(&subject, due);
        let place = key::listed_manifest(repository, digest);
        let writes = vec![
            Write::create(record::pending(repository, digest, nonce)),
            Write::put(Item::new(&place)),
            entry.write(),
        ];
        match self.table.transact(writes).await? {
            Ok(()) => {
                self.release(entry).await;
                Ok(Begun::Started)
            }
            Err(mut refusals) => {
                let found = refusals.found(0);
                let found = found.ok_or_else(|| changed(repository, digest))?;
                record::begun(repository, &found)
            }
        }
    }

    async fn put_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> StoreResult<()> {
        self.put_edges_to(repository, edge, targets).await
    }

    async fn delete_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
        due: Timestamp,
    ) -> StoreResult<()> {
        self.delete_edges_to(repository, edge, targets, due).await
    }

    async fn edges(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
        after: Option<Edge>,
        limit: usize,
    ) -> StoreResult<Page<Edge>> {
        self.edges_to(repository, target, after, limit).await
    }

    async fn commit_manifest(&self, commit: &CommitManifest) -> StoreResult<()> {
        let manifest = &commit.manifest;
        let Manifest {
            repository,
            digest,
            nonce,
            ..
        } = manifest;
        let subject = manifest.facts.subject.zip(commit.referrer.as_ref());
        let place = subject.map(|(subject, referrer)| (subject, referrers::type_text(referrer)));
        let pending = record::is(ManifestState::Pending, *nonce);
        let mut writes = vec![Write::update(record::make_live(manifest, place)?).when(pending)];
        if let Some((subject, referrer)) = subject {
            writes.push(referrers::put(repository, subject, referrer)?);
        }
        if let Some((id, epoch)) = commit.session {
            writes.push(uploads::end(id, epoch));
        }
        self.transact_with_tags(writes, manifest, &commit.tags, manifest.pushed_at)
            .await?
            .map_err(|_| changed(repository, *digest))
    }

    async fn abort_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        jobs: &[Envelope],
    ) -> StoreResult<()> {
        let change = ManifestChange::Abort;
        self.take_away(repository, digest, nonce, change, jobs)
            .await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        self.manifest_in(repository, digest, ManifestState::Live)
            .await
    }

    async fn deleting_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        self.manifest_in(repository, digest, ManifestState::Deleting)
            .await
    }

    async fn manifest_state(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<(ManifestState, Nonce)>> {
        let head = self.head(repository, digest).await?;
        Ok(head.map(|head| head.state))
    }

    async fn list_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<ListedManifest>> {
        let mut query = Query::of(key::manifests(repository));
        if let Some(after) = after {
            query = query.after(&after.to_string());
        }
        let mut manifests = Vec::new();
        loop {
            let rest = limit.saturating_add(1) - manifests.len();
            let page = self.table.query(&query, rest).await?;
            let digests: StoreResult<Vec<_>> = page
                .items
                .iter()
                .map(|item| item.parsed(key::SORT))
                .collect();
            manifests.extend(self.live_manifests(repository, &digests?).await?);
            match page.items.last() {
                Some(last) if page.more && manifests.len() <= limit => {
                    query = query.after(last.sort()?);
                }
                _ => return Ok(Page::from_overread(manifests, limit)),
            }
        }
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> StoreResult<Page<Referrer>> {
        self.referrers_of(repository, subject, artifact_type, after, limit)
            .await
    }

    async fn touch_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> StoreResult<()> {
        let touch = Update::of(key::manifest(repository, digest)).set(TOUCHED_AT, now);
        let is_older = record::is_in(ManifestState::Live).and(Condition::less(TOUCHED_AT, now));
        self.table
            .write(Write::update(touch).when(is_older))
            .await
            .map(drop)
    }

    async fn begin_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        deletion: &BeginDelete,
    ) -> StoreResult<()> {
        let change = ManifestChange::Hide;
        let head = self.head(repository, digest).await?;
        let Some(head) = head.filter(|head| change.applies(Some(head.state), nonce)) else {
            return Err(changed(repository, digest));
        };
        let mut expected = record::is(change.needs(), nonce);
        if let Some(since) = deletion.untouched_since {
            expected = expected.and(Condition::less(TOUCHED_AT, since));
        }
        // Should the deletion die, the entry leads to it.
        let subject = GcSubject::Manifest(repository.clone(), digest);
        let entry = self.held_gc_entry(&subject, deletion.due);
        self.put_held(&entry).await?;
        let hide = record::turn(repository, digest, ManifestState::Deleting);
        let mut writes = vec![Write::update(hide).when(expected)];
        if let Some((subject, artifact_type)) = &head.subject {
            let place = (*subject, artifact_type.as_str());
            let key = referrers::key_of(repository, place, digest);
            writes.push(referrers::set_hidden(key, true));
        }
        if self.table.transact(writes).await?.is_ok() {
            self.release(entry).await;
            return Ok(());
        }
        self.take_back(entry).await;
        Err(changed(repository, digest))
    }

    async fn end_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        end: &DeleteEnd,
    ) -> StoreResult<()> {
        match end {
            DeleteEnd::Gone(jobs) => {
                let change = ManifestChange::End;
                self.take_away(repository, digest, nonce, change, jobs)
                    .await
            }
            DeleteEnd::Restored => self.restore(repository, digest, nonce).await,
        }
    }
}

impl DynamoStore {
    /// Makes a manifest live again that is being deleted under this nonce.
    async fn restore(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
    ) -> StoreResult<()> {
        let change = ManifestChange::Restore;
        let head = self.head(repository, digest).await?;
        let Some(head) = head.filter(|head| change.applies(Some(head.state), nonce)) else {
            return Err(changed(repository, digest));
        };
        let show = record::turn(repository, digest, ManifestState::Live);
        let mut writes = vec![Write::update(show).when(record::is(change.needs(), nonce))];
        if let Some((subject, artifact_type)) = &head.subject {
            let place = (*subject, artifact_type.as_str());
            let key = referrers::key_of(repository, place, digest);
            writes.push(referrers::set_hidden(key, false));
        }
        let done = self.table.transact(writes).await?;
        done.map_err(|_| changed(repository, digest))
    }

    /// Takes a record away with its places in lists, if `change` applies.
    async fn take_away(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        change: ManifestChange,
        jobs: &[Envelope],
    ) -> StoreResult<()> {
        let head = self.head(repository, digest).await?;
        let Some(head) = head.filter(|head| change.applies(Some(head.state), nonce)) else {
            return Err(changed(repository, digest));
        };
        let expected = record::is(change.needs(), nonce);
        let mut writes = vec![
            Write::delete(key::manifest(repository, digest)).when(expected),
            Write::delete(key::listed_manifest(repository, digest)),
        ];
        if let Some((subject, artifact_type)) = &head.subject {
            let place = (*subject, artifact_type.as_str());
            writes.push(Write::delete(referrers::key_of(repository, place, digest)));
        }
        writes.extend(outbox::writes(jobs, self.now())?);
        let done = self.table.transact(writes).await?;
        done.map_err(|_| changed(repository, digest))
    }
}
