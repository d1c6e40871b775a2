//! Blobs of proxy projects that are not held.

use std::sync::Arc;

use berth_domain::RegistryId;
use berth_oci::Digest;
use berth_ports::UpstreamError;

use crate::error::{Error, Result};
use crate::proxy::absence::Asked;
use crate::proxy::fill::Fill;
use crate::proxy::fills::{Following, Readable};
use crate::proxy::remote::upstream_name;
use crate::served::BlobHandle;
use crate::service::{Service, Target};

impl Service {
    /// A blob that is not held: it is fetched, once for all who ask for it, and
    /// can be read while it comes in.
    pub(crate) async fn proxied_blob(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        digest: Digest,
    ) -> Result<BlobHandle> {
        self.recall_absence(target, Asked::Blob(digest))?;
        match self.fill(target, registry, digest)?.readable().await? {
            Readable::Held(key, size) => Ok(BlobHandle::held(self.ports.blobs.clone(), key, size)),
            Readable::Growing(filling, size) => Ok(BlobHandle::filling(filling, size)),
        }
    }

    /// The size of a blob that is not held: the upstream is asked, and nothing
    /// is fetched unless it will not say.
    pub(crate) async fn proxied_blob_size(
        self: &Arc<Self>,
        target: &Target,
        digest: Digest,
    ) -> Result<u64> {
        let registry = target.project.registry.ok_or(Error::BlobUnknown(digest))?;
        self.recall_absence(target, Asked::Blob(digest))?;
        let remote = self.remote(registry).await?;
        let name = upstream_name(target)?;
        match self.ports.upstream.head_blob(&remote, name, digest).await {
            Ok(Some(size)) => Ok(size),
            Ok(None) => Ok(self.proxied_blob(target, registry, digest).await?.size),
            Err(error) => {
                self.note_absence(target, Asked::Blob(digest), &error);
                Err(error.into())
            }
        }
    }

    fn fill(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        digest: Digest,
    ) -> Result<Following> {
        let key = (target.repository.clone(), digest);
        let (following, begun) = self.proxy.fills.join(key)?;
        if let Some(progress) = begun {
            let (service, target) = (Arc::clone(self), target.clone());
            let fill = Fill {
                service,
                target,
                registry,
                digest,
                progress,
            };
            self.ports.tasks.spawn(Box::pin(fill.run()));
        }
        Ok(following)
    }

    /// Fails with the upstream's answer if it said a moment ago that it does
    /// not have what is asked for.
    pub(super) fn recall_absence(&self, target: &Target, asked: Asked) -> Result<()> {
        let freshness = self.settings.absence_freshness;
        Ok(self
            .proxy
            .absences
            .recall(&target.repository, asked, self.now(), freshness)?)
    }

    /// Remembers an upstream's answer that it does not have what was asked for.
    pub(super) fn note_absence(&self, target: &Target, asked: Asked, error: &UpstreamError) {
        let freshness = self.settings.absence_freshness;
        let absences = &self.proxy.absences;
        absences.note(&target.repository, asked, self.now(), freshness, error);
    }
}
