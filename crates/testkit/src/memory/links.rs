//! Blobs, links, back-edges, and the queue of what may be collected.

use async_trait::async_trait;
use berth_domain::{
    Blob, BlobVersion, Link, LinkChange, LinkCommit, LinkCommitFinds, LinkId, LinkState, LinkToken,
    Page,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{
    BackEdge, CommitLink, GcEntry, GcQueue, GcSubject, LinkSource, LinkStore, StoreResult,
};
use jiff::Timestamp;

use super::{MemoryStore, State, conflict, ensure, page};

impl State {
    fn finds(&self, commit: &CommitLink) -> LinkCommitFinds {
        let CommitLink {
            repository,
            digest,
            id,
            ..
        } = commit;
        let back_edge = (*digest, repository.clone(), *id);
        LinkCommitFinds {
            blob: self.blobs.get(digest).map(|blob| blob.key),
            link: self.links.contains_key(&(repository.clone(), *digest)),
            back_edge: self.back_edges.get(&back_edge).copied(),
            is_at_epoch: self.is_at_epoch(commit.session),
        }
    }

    /// Changes a link, or says `Conflict`; returns it as it was.
    fn change_link(
        &mut self,
        repository: &RepositoryName,
        digest: Digest,
        change: LinkChange,
    ) -> StoreResult<Link> {
        let key = (repository.clone(), digest);
        let stored = self.links.get(&key).cloned();
        let found = stored.as_ref().map(|link| (link.id, link.state));
        let stored = stored
            .filter(|_| change.applies(found))
            .ok_or_else(|| conflict(&digest))?;
        match change.leads_to() {
            Some(state) => {
                let link = Link {
                    state,
                    ..stored.clone()
                };
                self.links.insert(key, link);
            }
            None => {
                self.links.remove(&key);
            }
        }
        Ok(stored)
    }
}

#[async_trait]
impl LinkStore for MemoryStore {
    async fn link(&self, repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Link>> {
        Ok(self
            .state()
            .links
            .get(&(repository.clone(), digest))
            .cloned())
    }

    async fn blob(&self, digest: Digest) -> StoreResult<Option<Blob>> {
        Ok(self.state().blobs.get(&digest).cloned())
    }

    async fn prepare_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        due: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        state.collect(GcSubject::Link(repository.clone(), digest), due);
        state
            .back_edges
            .insert((digest, repository.clone(), id), false);
        Ok(())
    }

    async fn commit_link(&self, commit: &CommitLink) -> StoreResult<LinkCommit> {
        let mut state = self.state();
        let CommitLink {
            repository,
            digest,
            id,
            ..
        } = commit;
        let (read, key, size) = match &commit.source {
            LinkSource::NewBlob { key, size } => (None, *key, *size),
            LinkSource::Blob(blob) => (Some(blob.key), blob.key, blob.size),
        };
        let outcome = state.finds(commit).outcome(read);
        if outcome != LinkCommit::Done {
            return Ok(outcome);
        }
        let version = state.blobs.get(digest).map(Blob::version);
        let version = BlobVersion::after_link(version, key);
        let blob = Blob {
            digest: *digest,
            key: version.key,
            size,
            generation: version.generation,
        };
        let link = Link {
            repository: repository.clone(),
            project: commit.project,
            digest: *digest,
            id: *id,
            state: LinkState::Live,
            key: blob.key,
            size: blob.size,
            touched_at: commit.now,
        };
        state.links.insert((repository.clone(), *digest), link);
        state.blobs.insert(*digest, blob);
        state
            .back_edges
            .insert((*digest, repository.clone(), *id), true);
        state.end_session(commit.session);
        state.send(&commit.jobs, self.clock.now());
        Ok(LinkCommit::Done)
    }

    async fn withdraw_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let key = (digest, repository.clone(), id);
        if state.back_edges.get(&key) == Some(&false) {
            state.back_edges.remove(&key);
        }
        Ok(())
    }

    async fn revive_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        condemned: Option<LinkToken>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        state.change_link(repository, digest, LinkChange::Revive(condemned))?;
        let link = state.links.get_mut(&(repository.clone(), digest));
        if let Some(link) = link {
            link.touched_at = now;
        }
        Ok(())
    }

    async fn condemn_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        token: LinkToken,
    ) -> StoreResult<()> {
        let change = LinkChange::Condemn(id, token);
        self.state().change_link(repository, digest, change)?;
        Ok(())
    }

    async fn delete_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        token: LinkToken,
        due: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let id = state
            .change_link(repository, digest, LinkChange::Delete(token))?
            .id;
        state.back_edges.remove(&(digest, repository.clone(), id));
        state.collect(GcSubject::Blob(digest), due);
        Ok(())
    }

    async fn delete_blob(&self, blob: &Blob, due: Timestamp) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state.blobs.get(&blob.digest);
        let unchanged = stored.is_some_and(|stored| stored.version() == blob.version());
        ensure(unchanged, || conflict(&blob.digest))?;
        state.blobs.remove(&blob.digest);
        state.collect(GcSubject::Object(blob.key), due);
        Ok(())
    }

    async fn back_edges(
        &self,
        digest: Digest,
        after: Option<(&RepositoryName, LinkId)>,
        limit: usize,
    ) -> StoreResult<Page<BackEdge>> {
        let state = self.state();
        let behind = state
            .back_edges
            .iter()
            .filter(|((of, repository, id), _)| *of == digest && Some((repository, *id)) > after)
            .map(|((_, repository, id), linked)| BackEdge {
                repository: repository.clone(),
                id: *id,
                linked: *linked,
            });
        Ok(page(behind, limit))
    }

    async fn list_links(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Link>> {
        let state = self.state();
        let behind = state
            .links
            .values()
            .filter(|link| link.repository == *repository && Some(link.digest) > after);
        Ok(page(behind.cloned(), limit))
    }

    async fn list_blobs(&self, after: Option<Digest>, limit: usize) -> StoreResult<Page<Blob>> {
        let state = self.state();
        Ok(page(
            state
                .blobs
                .values()
                .filter(|blob| Some(blob.digest) > after)
                .cloned(),
            limit,
        ))
    }
}

/// An entry's key: texts that sort as the places do.
fn gc_key((due, number): (Timestamp, u64)) -> String {
    format!("{:020}-{number:020}", due.as_nanosecond())
}

#[async_trait]
impl GcQueue for MemoryStore {
    async fn due(
        &self,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<GcEntry>> {
        let state = self.state();
        let entries = state.gc.iter().map(|((due, number), subject)| GcEntry {
            key: gc_key((*due, *number)),
            due: *due,
            subject: subject.clone(),
        });
        Ok(entries
            .filter(|entry| entry.due <= now && Some(entry.key.as_str()) > after)
            .take(limit)
            .collect())
    }

    async fn postpone(&self, entry: &GcEntry, due: Timestamp) -> StoreResult<()> {
        let mut state = self.state();
        state.collect(entry.subject.clone(), due);
        state.gc.retain(|place, _| gc_key(*place) != entry.key);
        Ok(())
    }

    async fn decided(&self, keys: &[String]) -> StoreResult<()> {
        let gone = |place: &(Timestamp, u64)| keys.contains(&gc_key(*place));
        self.state().gc.retain(|place, _| !gone(place));
        Ok(())
    }
}
