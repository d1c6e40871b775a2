//! Reading: manifests, blobs, tags, referrers, the catalog.

use std::sync::Arc;

use berth_domain::{Expect, Manifest, Page, ProjectName, Referrer, Repository, Tag};
use berth_oci::{Digest, ParsedManifest, Reference, RepositoryName, TagName};
use berth_ports::StoreError;
use bytes::Bytes;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::links::{ATTEMPTS, contended};
use crate::served::{BlobHandle, ServedManifest};
use crate::service::{Service, Target};

impl Service {
    /// A manifest for a client; its bytes too unless `head`. A proxy project
    /// asks its upstream where it must.
    pub async fn manifest(
        self: &Arc<Self>,
        target: &Target,
        reference: &Reference,
        head: bool,
    ) -> Result<ServedManifest> {
        match target.project.registry {
            Some(registry) => {
                Box::pin(self.proxied_manifest(target, registry, reference, head)).await
            }
            None => {
                self.held_manifest(&target.repository, reference, head)
                    .await
            }
        }
    }

    /// A manifest that is held here.
    pub(crate) async fn held_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        head: bool,
    ) -> Result<ServedManifest> {
        match reference {
            Reference::Digest(digest) => self.held_by_digest(repository, *digest, head).await,
            Reference::Tag(name) => {
                let tag = self.ports.tags.tag(repository, name).await?;
                let tag = tag.ok_or_else(|| Error::ManifestUnknown(name.to_string()))?;
                self.held_by_tag(repository, name, &tag, head).await
            }
        }
    }

    /// What a tag that was read just now means. It says that the manifest is
    /// there.
    pub(crate) async fn held_by_tag(
        &self,
        repository: &RepositoryName,
        name: &TagName,
        tag: &Tag,
        head: bool,
    ) -> Result<ServedManifest> {
        let known = self.bodies.get(tag.digest);
        if head || known.is_some() {
            return Ok(ServedManifest {
                digest: tag.digest,
                media_type: tag.media_type.clone(),
                size: tag.size,
                bytes: known.filter(|_| !head),
                stale: false,
            });
        }
        match self.held_by_digest(repository, tag.digest, head).await {
            // It was deleted meanwhile.
            Err(Error::ManifestUnknown(_)) => Err(Error::ManifestUnknown(name.to_string())),
            held => held,
        }
    }

    async fn held_by_digest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        head: bool,
    ) -> Result<ServedManifest> {
        let manifest = self.ports.manifests.manifest(repository, digest).await?;
        let manifest = manifest.ok_or_else(|| Error::ManifestUnknown(digest.to_string()))?;
        let bytes = if head {
            None
        } else {
            Some(self.known_bytes(&manifest).await?)
        };
        Ok(ServedManifest {
            digest,
            media_type: manifest.media_type,
            size: manifest.size,
            bytes,
            stale: false,
        })
    }

    async fn known_bytes(&self, manifest: &Manifest) -> Result<Bytes> {
        if let Some(bytes) = self.bodies.get(manifest.digest) {
            return Ok(bytes);
        }
        let bytes = self.manifest_bytes(manifest).await?;
        self.bodies.put(manifest.digest, &bytes);
        Ok(bytes)
    }

    /// Promises a principal that may push that a manifest, which it was told is
    /// there, stays for half the grace time at least. Written once in a quarter
    /// of it.
    pub async fn promise_manifest(&self, target: &Target, digest: Digest) -> Result<()> {
        let (repository, now) = (&target.repository, self.now());
        let not_before = now.checked_sub(self.grace() / 4).unwrap_or(Timestamp::MIN);
        let key = (repository.clone(), digest);
        if self.promises.get(&key, not_before).is_some() {
            return Ok(());
        }
        let manifests = &self.ports.manifests;
        manifests.touch_manifest(repository, digest, now).await?;
        self.promises.put(key, now, (), not_before);
        Ok(())
    }

    /// A blob's size, for a HEAD. To a principal that may push it is a promise:
    /// the blob stays for half the grace time at least.
    pub async fn blob_size(
        self: &Arc<Self>,
        target: &Target,
        digest: Digest,
        may_push: bool,
    ) -> Result<u64> {
        match self.held_blob_size(target, digest, may_push).await {
            Err(Error::BlobUnknown(_))
                if may_push && self.settle_arrival_to_the_end(target, digest).await? =>
            {
                self.held_blob_size(target, digest, may_push).await
            }
            Err(Error::BlobUnknown(_)) if target.project.registry.is_some() => {
                Box::pin(self.proxied_blob_size(target, digest)).await
            }
            size => size,
        }
    }

    async fn held_blob_size(&self, target: &Target, digest: Digest, may_push: bool) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            let link = self.link(target, digest).await?;
            let link = link.ok_or(Error::BlobUnknown(digest))?;
            let condemned = match link.state {
                berth_domain::LinkState::Live => None,
                berth_domain::LinkState::Condemned(token) => Some(token),
            };
            if !may_push || (condemned.is_none() && self.is_promised(&link)) {
                return Ok(link.size);
            }
            match self
                .ports
                .links
                .revive_link(&target.repository, digest, condemned, self.now())
                .await
            {
                Ok(()) => return Ok(link.size),
                Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended("the blob"))
    }

    /// A blob's bytes. A proxy project fetches what it does not hold.
    pub async fn blob(self: &Arc<Self>, target: &Target, digest: Digest) -> Result<BlobHandle> {
        if let Some(link) = self.link(target, digest).await? {
            return Ok(BlobHandle::held(
                self.ports.blobs.clone(),
                link.key,
                link.size,
            ));
        }
        match target.project.registry {
            Some(registry) => Box::pin(self.proxied_blob(target, registry, digest)).await,
            None => Err(Error::BlobUnknown(digest)),
        }
    }

    /// Tags in order, behind `last`.
    pub async fn tags(
        self: &Arc<Self>,
        target: &Target,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Page<TagName>> {
        match target.project.registry {
            Some(registry) => Box::pin(self.proxied_tags(target, registry, last, limit)).await,
            None => self.held_tags(&target.repository, last, limit).await,
        }
    }

    /// The tags that are held here; [`Error::NameUnknown`] where there is no
    /// such repository.
    pub(crate) async fn held_tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Page<TagName>> {
        let page = self.ports.tags.list_tags(repository, last, limit).await?;
        if page.items.is_empty()
            && self
                .ports
                .repositories
                .repository(repository)
                .await?
                .is_none()
        {
            return Err(Error::NameUnknown(repository.to_string()));
        }
        Ok(page)
    }

    /// Deletes a tag; the manifest stays.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &TagName) -> Result<()> {
        match self
            .ports
            .tags
            .delete_tag(repository, tag, Expect::Any)
            .await
        {
            Err(StoreError::NotFound(_)) => Err(Error::ManifestUnknown(tag.to_string())),
            deleted => Ok(deleted?),
        }
    }

    /// What refers to a manifest, whether that is there or not.
    pub async fn referrers(
        self: &Arc<Self>,
        target: &Target,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> Result<Page<Referrer>> {
        match target.project.registry {
            Some(registry) => {
                let found =
                    self.proxied_referrers(target, registry, subject, artifact_type, after, limit);
                Box::pin(found).await
            }
            None => {
                self.held_referrers(&target.repository, subject, artifact_type, after, limit)
                    .await
            }
        }
    }

    /// The referrers that are held here.
    pub(crate) async fn held_referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> Result<Page<Referrer>> {
        let manifests = &self.ports.manifests;
        let mut page = manifests
            .referrers(repository, subject, artifact_type, after, limit)
            .await?;
        for referrer in &mut page.items {
            if referrer.annotations.is_none()
                && let Some(manifest) = manifests.manifest(repository, referrer.digest).await?
            {
                let bytes = self.manifest_bytes(&manifest).await?;
                let parsed = ParsedManifest::parse(Some(&manifest.media_type), &bytes)
                    .map_err(|error| StoreError::Corrupt(error.to_string()))?;
                referrer.annotations = Some(parsed.annotations);
            }
        }
        Ok(page)
    }

    /// Repositories by name, of one project or of all.
    pub async fn repositories(
        &self,
        project: Option<&ProjectName>,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> Result<Page<Repository>> {
        Ok(self
            .ports
            .repositories
            .list_repositories(project, after, limit)
            .await?)
    }
}
