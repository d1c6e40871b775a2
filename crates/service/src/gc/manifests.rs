//! Pushes and deletions that died, and children that no index names any more.

use berth_domain::{EdgeTarget, Manifest, ManifestState, Need};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BeginDelete, StoreError};

use super::{Look, Swept};
use crate::error::{Error, Result};
use crate::service::Service;

impl Service {
    /// A push that is still pending after the grace period is given up; one
    /// that goes on nevertheless notices, and begins anew. A deletion is ended.
    pub(super) async fn look_at_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Look> {
        let state = self
            .ports
            .manifests
            .manifest_state(repository, digest)
            .await?;
        match state {
            None | Some((ManifestState::Live, _)) => return Ok(Look::KEPT),
            Some((ManifestState::Pending, nonce)) => self.abort(repository, digest, nonce).await?,
            Some((ManifestState::Deleting, _)) => {
                match self.end_begun_deletion(repository, digest).await {
                    Ok(()) | Err(Error::PreconditionFailed(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Look::Decided(Swept {
            manifests: 1,
            ..Swept::default()
        }))
    }

    /// A child goes with the last index that names it, unless it has a tag or
    /// a pusher was promised it, as Harbor does it.
    pub(super) async fn look_at_child(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Look> {
        let manifests = &self.ports.manifests;
        let Some(manifest) = manifests.manifest(repository, digest).await? else {
            return Ok(Look::KEPT);
        };
        match self.need_of_child(&manifest).await? {
            Need::Needed => return Ok(Look::KEPT),
            Need::Undecided => return Ok(self.soon()),
            Need::Not => {}
        }
        let deletion = BeginDelete {
            untouched_since: self.now().checked_sub(self.grace()).ok(),
            due: self.after_grace(),
        };
        match manifests
            .begin_delete(repository, digest, manifest.nonce, &deletion)
            .await
        {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Ok(Look::Later(self.after_grace())),
            Err(error) => return Err(error.into()),
        }
        self.end_orphan(&manifest).await
    }

    /// Looks once more now that nobody can find it, and ends it or brings it
    /// back.
    async fn end_orphan(&self, manifest: &Manifest) -> Result<Look> {
        let need = self.need_of_child(manifest).await;
        if let Ok(Need::Not) = need {
            self.end_deletion(manifest).await?;
            return Ok(Look::Decided(Swept {
                manifests: 1,
                ..Swept::default()
            }));
        }
        self.restore(&manifest.repository, manifest.digest).await?;
        Ok(if need? == Need::Needed {
            Look::KEPT
        } else {
            self.soon()
        })
    }

    /// What edges and tags say.
    pub(super) async fn need_of_child(&self, manifest: &Manifest) -> Result<Need> {
        let Manifest {
            repository, digest, ..
        } = manifest;
        let by_edges = self.need(repository, EdgeTarget::Manifest(*digest)).await?;
        Ok(by_edges.max(self.need_by_tags(manifest).await?))
    }

    pub(super) async fn need_by_tags(&self, manifest: &Manifest) -> Result<Need> {
        let (repository, digest) = (&manifest.repository, manifest.digest);
        let tags = self.ports.tags.tags_of(repository, digest, None, 1);
        Ok(if tags.await?.items.is_empty() {
            Need::Not
        } else {
            Need::Needed
        })
    }
}
