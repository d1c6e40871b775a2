//! Manifests and edges.

use async_trait::async_trait;
use berth_domain::{
    Begun, Edge, EdgeTarget, Envelope, ListedManifest, Manifest, ManifestChange, ManifestState,
    Nonce, Page, Referrer,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BeginDelete, CommitManifest, DeleteEnd, GcSubject, ManifestStore, StoreResult};
use jiff::Timestamp;

use super::{ManifestRecord, MemoryStore, State, conflict, ensure, not_found, page};

impl State {
    /// Changes a manifest's state, or says `Conflict`; returns it if it
    /// is still there.
    fn change_manifest(
        &mut self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        change: ManifestChange,
    ) -> StoreResult<Option<&mut ManifestRecord>> {
        let key = (repository.clone(), digest);
        ensure(change.applies(self.stored(&key), nonce), || {
            conflict(&digest)
        })?;
        let Some(state) = change.leads_to() else {
            self.manifests.remove(&key);
            return Ok(None);
        };
        let mut record = self.manifests.get_mut(&key);
        if let Some(record) = &mut record {
            record.state = state;
        }
        Ok(record)
    }

    fn stored(&self, key: &(RepositoryName, Digest)) -> Option<(ManifestState, Nonce)> {
        let record = self.manifests.get(key);
        record.map(|record| (record.state, record.nonce))
    }

    /// The live manifests of a repository, by digest.
    fn live<'a>(
        &'a self,
        repository: &'a RepositoryName,
    ) -> impl Iterator<Item = &'a (Manifest, Option<Referrer>)> {
        self.manifests
            .iter()
            .filter(move |((of, _), record)| {
                of == repository && record.state == ManifestState::Live
            })
            .filter_map(|(_, record)| record.committed.as_ref())
    }

    /// What refers to `subject`, by artifact type and digest.
    fn referrers(&self, repository: &RepositoryName, subject: Digest) -> Vec<Referrer> {
        let mut referrers: Vec<_> = self
            .live(repository)
            .filter(|(manifest, _)| manifest.facts.subject == Some(subject))
            .filter_map(|(_, referrer)| referrer.clone())
            .collect();
        referrers.sort_by_key(|referrer| {
            (
                referrer.artifact_type.clone().unwrap_or_default(),
                referrer.digest,
            )
        });
        referrers
    }

    /// Whether a manifest is live under the nonce that it says.
    pub(super) fn is_live(&self, manifest: &Manifest) -> bool {
        let Manifest {
            repository,
            digest,
            nonce,
            ..
        } = manifest;
        self.stored(&(repository.clone(), *digest)) == Some((ManifestState::Live, *nonce))
    }
}

#[async_trait]
impl ManifestStore for MemoryStore {
    async fn begin_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        due: Timestamp,
    ) -> StoreResult<Begun> {
        let mut state = self.state();
        let key = (repository.clone(), digest);
        let begun = Begun::find(state.stored(&key));
        if begun == Begun::Started {
            let record = ManifestRecord {
                state: ManifestState::Pending,
                nonce,
                committed: None,
                touched_at: None,
            };
            state.manifests.insert(key.clone(), record);
            state.collect(GcSubject::Manifest(repository.clone(), digest), due);
        }
        begun.with_live(|| {
            let record = state.manifests.get(&key);
            let committed = record.and_then(|record| record.committed.as_ref());
            let (manifest, _) = committed.ok_or_else(|| not_found(&digest))?;
            Ok(Box::new(manifest.clone()))
        })
    }

    async fn put_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> StoreResult<()> {
        let edges = targets
            .iter()
            .map(|target| (repository.clone(), *target, edge));
        self.state().edges.extend(edges);
        Ok(())
    }

    async fn delete_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
        due: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        for target in targets {
            state.edges.remove(&(repository.clone(), *target, edge));
            state.collect(GcSubject::target(repository, *target), due);
        }
        Ok(())
    }

    async fn edges(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
        after: Option<Edge>,
        limit: usize,
    ) -> StoreResult<Page<Edge>> {
        let state = self.state();
        let behind = state
            .edges
            .iter()
            .filter(|(of, to, edge)| of == repository && *to == target && Some(*edge) > after)
            .map(|(_, _, edge)| *edge);
        Ok(page(behind, limit))
    }

    async fn commit_manifest(&self, commit: &CommitManifest) -> StoreResult<()> {
        let mut state = self.state();
        let Manifest {
            repository,
            digest,
            nonce,
            pushed_at,
            ..
        } = &commit.manifest;
        ensure(state.is_at_epoch(commit.session), || {
            conflict("the upload session")
        })?;
        let change = ManifestChange::Commit;
        if let Some(record) = state.change_manifest(repository, *digest, *nonce, change)? {
            record.committed = Some((commit.manifest.clone(), commit.referrer.clone()));
            record.touched_at = Some(*pushed_at);
        }
        state.set_tags(&commit.manifest, &commit.tags, *pushed_at);
        state.end_session(commit.session);
        Ok(())
    }

    async fn abort_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        jobs: &[Envelope],
    ) -> StoreResult<()> {
        let mut state = self.state();
        state.change_manifest(repository, digest, nonce, ManifestChange::Abort)?;
        state.send(jobs, self.clock.now());
        Ok(())
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        let state = self.state();
        let found = state
            .live(repository)
            .find(|(manifest, _)| manifest.digest == digest);
        Ok(found.map(|(manifest, _)| manifest.clone()))
    }

    async fn deleting_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>> {
        let state = self.state();
        let record = state.manifests.get(&(repository.clone(), digest));
        Ok(record
            .filter(|record| record.state == ManifestState::Deleting)
            .and_then(|record| record.committed.clone())
            .map(|(manifest, _)| manifest))
    }

    async fn manifest_state(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<(ManifestState, Nonce)>> {
        let state = self.state();
        let record = state.manifests.get(&(repository.clone(), digest));
        Ok(record.map(|record| (record.state, record.nonce)))
    }

    async fn list_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<ListedManifest>> {
        let state = self.state();
        let behind = state
            .live(repository)
            .map(|(manifest, _)| manifest)
            .filter(|manifest| Some(manifest.digest) > after);
        let listed = behind.map(|manifest| manifest.clone().with_content(()));
        Ok(page(listed, limit))
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> StoreResult<Page<Referrer>> {
        let state = self.state();
        let behind = state
            .referrers(repository, subject)
            .into_iter()
            .filter(|referrer| {
                let own_type = referrer.artifact_type.as_deref();
                Some((own_type.unwrap_or_default(), referrer.digest)) > after
                    && (artifact_type.is_none() || artifact_type == own_type)
            });
        Ok(page(behind, limit))
    }

    async fn touch_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let record = state.manifests.get_mut(&(repository.clone(), digest));
        if let Some(record) = record.filter(|record| record.state == ManifestState::Live) {
            record.touched_at = record.touched_at.max(Some(now));
        }
        Ok(())
    }

    async fn begin_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        deletion: &BeginDelete,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let key = (repository.clone(), digest);
        let touched_at = state.manifests.get(&key).and_then(|r| r.touched_at);
        ensure(deletion.may_begin(touched_at), || conflict(&digest))?;
        state.change_manifest(repository, digest, nonce, ManifestChange::Hide)?;
        state.collect(
            GcSubject::Manifest(repository.clone(), digest),
            deletion.due,
        );
        Ok(())
    }

    async fn end_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        end: &DeleteEnd,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let (change, jobs) = match end {
            DeleteEnd::Restored => (ManifestChange::Restore, &[][..]),
            DeleteEnd::Gone(jobs) => (ManifestChange::End, &jobs[..]),
        };
        state.change_manifest(repository, digest, nonce, change)?;
        state.send(jobs, self.clock.now());
        Ok(())
    }
}
