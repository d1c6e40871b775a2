//! Manifests and edges.

use async_trait::async_trait;
use berth_domain::{
    Begun, Edge, EdgeTarget, Envelope, ListedManifest, Manifest, ManifestState, Nonce, Page,
    Referrer,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BeginDelete, CommitManifest, DeleteEnd, GcSubject, ManifestStore, StoreResult};
use jiff::Timestamp;

use super::{ManifestRecord, MemoryStore, State, conflict, ensure, page};

impl State {
    /// The manifest, if it is in this state under this nonce; else `Conflict`.
    fn manifest_in(
        &mut self,
        repository: &RepositoryName,
        digest: Digest,
        state: ManifestState,
        nonce: Nonce,
    ) -> StoreResult<&mut ManifestRecord> {
        self.manifests
            .get_mut(&(repository.clone(), digest))
            .filter(|record| record.state == state && record.nonce == nonce)
            .ok_or_else(|| conflict(&digest))
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
    pub(super) fn is_live(&mut self, manifest: &Manifest) -> bool {
        let Manifest {
            repository,
            digest,
            nonce,
            ..
        } = manifest;
        self.manifest_in(repository, *digest, ManifestState::Live, *nonce)
            .is_ok()
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
        let Some(found) = state.manifests.get(&key) else {
            let record = ManifestRecord {
                state: ManifestState::Pending,
                nonce,
                committed: None,
                touched_at: None,
            };
            state.manifests.insert(key, record);
            state.collect(GcSubject::Manifest(repository.clone(), digest), due);
            return Ok(Begun::Started);
        };
        Ok(match (found.state, &found.committed) {
            (ManifestState::Live, Some((manifest, _))) => Begun::Live(Box::new(manifest.clone())),
            (ManifestState::Deleting, _) => Begun::Deleting,
            _ => Begun::Joined(found.nonce),
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
        let record = state.manifest_in(repository, *digest, ManifestState::Pending, *nonce)?;
        record.state = ManifestState::Live;
        record.committed = Some((commit.manifest.clone(), commit.referrer.clone()));
        record.touched_at = Some(*pushed_at);
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
        state.manifest_in(repository, digest, ManifestState::Pending, nonce)?;
        state.manifests.remove(&(repository.clone(), digest));
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
            record.touched_at = Some(now);
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
        let record = state.manifest_in(repository, digest, ManifestState::Live, nonce)?;
        let touched = deletion
            .untouched_since
            .is_some_and(|since| record.touched_at.is_some_and(|at| at >= since));
        ensure(!touched, || conflict(&digest))?;
        record.state = ManifestState::Deleting;
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
        let record = state.manifest_in(repository, digest, ManifestState::Deleting, nonce)?;
        match end {
            DeleteEnd::Restored => record.state = ManifestState::Live,
            DeleteEnd::Gone(jobs) => {
                state.manifests.remove(&(repository.clone(), digest));
                state.send(jobs, self.clock.now());
            }
        }
        Ok(())
    }
}
