//! Taking manifests away, with their tags and edges.

use std::sync::Arc;

use berth_domain::{
    Edge, EdgeTarget, Envelope, Expect, Job, Manifest, ManifestContent, ManifestState, Need, Nonce,
};
use berth_oci::{Digest, ParsedManifest, RepositoryName};
use berth_ports::{BeginDelete, DeleteEnd, StoreError};

use crate::error::{Error, Result};
use crate::links::{ATTEMPTS, contended};
use crate::service::Service;

/// What became of a manifest's edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlinked {
    /// They are gone.
    Done,
    /// The manifest is there.
    Needed,
    /// The manifest's fate is not decided yet: try again.
    Later,
}

impl Service {
    /// Deletes a manifest and its tags. [`Error::PreconditionFailed`] while an
    /// index names it. A deletion that a crash left half done is ended.
    pub async fn delete_manifest(
        self: &Arc<Self>,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<()> {
        let (service, repository) = (Arc::clone(self), repository.clone());
        self.to_the_end(async move { service.delete(&repository, digest).await })
            .await
    }

    async fn delete(&self, repository: &RepositoryName, digest: Digest) -> Result<()> {
        let manifests = &self.ports.manifests;
        for _ in 0..ATTEMPTS {
            let Some(manifest) = manifests.manifest(repository, digest).await? else {
                let manifest = manifests.deleting_manifest(repository, digest).await?;
                let unknown = || Error::ManifestUnknown(digest.to_string());
                let manifest = manifest.ok_or_else(unknown)?;
                return self.end_or_restore(&manifest).await;
            };
            let deletion = BeginDelete {
                untouched_since: None,
                due: self.after_grace(),
            };
            match manifests
                .begin_delete(repository, digest, manifest.nonce, &deletion)
                .await
            {
                Ok(()) => return self.end_or_restore(&manifest).await,
                Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended("the manifest"))
    }

    /// Ends a deletion that died, unless a push has brought the manifest back:
    /// that one is not deleted anew.
    pub(crate) async fn end_begun_deletion(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<()> {
        let manifests = &self.ports.manifests;
        match manifests.deleting_manifest(repository, digest).await? {
            Some(manifest) => self.end_or_restore(&manifest).await,
            None => Ok(()),
        }
    }

    /// Ends the deletion of a manifest that is hidden already. It is visible
    /// again if an index names it; after any other failure it stays hidden, and
    /// a repeat or a sweep ends what was begun.
    async fn end_or_restore(&self, manifest: &Manifest) -> Result<()> {
        let ended = self.end_deletion(manifest).await;
        if matches!(ended, Err(Error::PreconditionFailed(_))) {
            let (repository, digest) = (&manifest.repository, manifest.digest);
            // The first failure is the one to be told.
            if let Err(error) = self.restore(repository, digest).await {
                tracing::warn!(%repository, %digest, %error, "deletion left half done");
            }
        }
        ended
    }

    /// Ends the deletion of a manifest that is hidden already, unless an index
    /// names it, a push brings it back, or another ends it first.
    pub(crate) async fn end_deletion(&self, manifest: &Manifest) -> Result<()> {
        let (repository, digest) = (&manifest.repository, manifest.digest);
        let jobs = self.jobs_of_deletion(manifest).await?;
        if self
            .has_edge(repository, EdgeTarget::Manifest(digest))
            .await?
        {
            return Err(Error::PreconditionFailed(
                "the manifest is part of an index, delete that first".to_owned(),
            ));
        }
        self.delete_tags_of(manifest).await?;
        let end = DeleteEnd::Gone(jobs.clone());
        match self
            .ports
            .manifests
            .end_delete(repository, digest, manifest.nonce, &end)
            .await
        {
            Ok(()) => {
                self.send_soon(jobs);
                Ok(())
            }
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings a manifest back whose deletion a push overtakes, or that a crash
    /// left half deleted.
    pub(crate) async fn restore(&self, repository: &RepositoryName, digest: Digest) -> Result<()> {
        let manifests = &self.ports.manifests;
        if let Some((ManifestState::Deleting, nonce)) =
            manifests.manifest_state(repository, digest).await?
        {
            match manifests
                .end_delete(repository, digest, nonce, &DeleteEnd::Restored)
                .await
            {
                Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The jobs that a manifest's deletion causes: its edges go, and its object
    /// if it has one.
    async fn jobs_of_deletion(&self, manifest: &Manifest) -> Result<Vec<Envelope>> {
        let mut jobs = Vec::new();
        let bytes = match self.manifest_bytes(manifest).await {
            Ok(bytes) => ParsedManifest::parse(Some(&manifest.media_type), &bytes).ok(),
            Err(Error::Store(StoreError::NotFound(_) | StoreError::Corrupt(_))) => None,
            Err(error) => return Err(error),
        };
        // A damaged manifest can be deleted too; its edges count for nothing
        // once its nonce is gone.
        if let Some(parsed) = bytes.filter(|p| !p.blobs.is_empty() || !p.children.is_empty()) {
            jobs.push(self.envelope(Job::Unlink {
                repository: manifest.repository.clone(),
                manifest: manifest.digest,
                nonce: manifest.nonce,
                blobs: parsed.blobs.iter().map(|blob| blob.digest).collect(),
                children: parsed.children.iter().map(|child| child.digest).collect(),
            }));
        }
        if let ManifestContent::Object(key) = manifest.content {
            jobs.push(self.envelope(Job::DeleteObject { key }));
        }
        Ok(jobs)
    }

    /// Deletes the tags of a manifest that is being deleted. A push that brings
    /// it back and sets a tag has the last word: the manifest is seen live
    /// before its new tag is deleted, or the tag has another version by then.
    async fn delete_tags_of(&self, manifest: &Manifest) -> Result<()> {
        let (repository, tags) = (&manifest.repository, &self.ports.tags);
        loop {
            let page = tags.tags_of(repository, manifest.digest, None, 100).await?;
            let state = self
                .ports
                .manifests
                .manifest_state(repository, manifest.digest)
                .await?;
            if state != Some((ManifestState::Deleting, manifest.nonce)) {
                return Ok(());
            }
            for (name, tag) in &page.items {
                match tags
                    .delete_tag(repository, name, Expect::Version(tag.version))
                    .await
                {
                    Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Ends what pushes and deletions that died have left in a repository that
    /// is to be deleted. A push that is still under way notices and begins anew.
    pub(crate) async fn end_unfinished(self: &Arc<Self>, name: &RepositoryName) -> Result<()> {
        let mut after = None;
        loop {
            let repositories = &self.ports.repositories;
            let page = repositories.unfinished_manifests(name, after, 100).await?;
            for (digest, state, nonce) in &page.items {
                match state {
                    ManifestState::Pending => self.abort(name, *digest, *nonce).await?,
                    _ => match self.delete_manifest(name, *digest).await {
                        Ok(()) | Err(Error::ManifestUnknown(_) | Error::PreconditionFailed(_)) => {}
                        Err(error) => return Err(error),
                    },
                }
            }
            after = page.items.last().map(|(digest, ..)| *digest);
            if !page.more {
                return Ok(());
            }
        }
    }

    pub(crate) async fn abort(
        &self,
        name: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
    ) -> Result<()> {
        let manifests = &self.ports.manifests;
        match manifests.abort_manifest(name, digest, nonce, &[]).await {
            Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes away the edges of a manifest that is gone. A manifest that is
    /// there under this nonce keeps them.
    pub async fn unlink(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> Result<Unlinked> {
        let manifests = &self.ports.manifests;
        let state = manifests.manifest_state(repository, edge.manifest).await?;
        match state {
            Some((ManifestState::Live, nonce)) if nonce == edge.nonce => Ok(Unlinked::Needed),
            Some((_, nonce)) if nonce == edge.nonce => Ok(Unlinked::Later),
            _ => {
                self.delete_edges(repository, edge, targets).await?;
                Ok(Unlinked::Done)
            }
        }
    }

    /// Whether a manifest that counts names this blob.
    pub(crate) async fn is_blob_needed(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<bool> {
        self.has_edge(repository, EdgeTarget::Blob(digest)).await
    }

    pub(crate) async fn has_edge(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
    ) -> Result<bool> {
        let manifests = &self.ports.manifests;
        let mut after = None;
        loop {
            let page = manifests.edges(repository, target, after, 100).await?;
            for edge in &page.items {
                let state = manifests.manifest_state(repository, edge.manifest).await?;
                if Need::by_edge(edge.nonce, state).keeps() {
                    return Ok(true);
                }
            }
            after = page.items.last().copied();
            if !page.more {
                return Ok(false);
            }
        }
    }
}
