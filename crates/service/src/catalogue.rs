//! What is there: repositories and artifacts, as Harbor's API lists them.

use std::collections::BTreeSet;
use std::sync::Arc;

use berth_domain::{ArtifactId, Expect, ListedManifest, Manifest, ProjectName, Repository, Tag};
use berth_oci::{Digest, ParsedManifest, Reference, RepositoryName, TagName, media_type};
use berth_ports::{Span, StoreError};
use futures_util::StreamExt;

use crate::error::{Error, Result};
use crate::service::Service;
use crate::walk::{PAGE, walk};

/// Larger configs are not looked into.
const MAX_CONFIG: u64 = 1024 * 1024;
/// Repeats of a deletion: one for each level of indexes in indexes, and for
/// pushes that come in between.
const ROUNDS: usize = 16;

/// A manifest with what it says.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its record.
    pub manifest: Manifest,
    /// What it says.
    pub parsed: ParsedManifest,
    /// An image's config, if it is held and not too large.
    pub config: Option<serde_json::Value>,
}

impl Service {
    /// Repositories by name, of one project or of all, up to
    /// [`WALK_LIMIT`](crate::WALK_LIMIT).
    pub async fn all_repositories(&self, project: Option<&ProjectName>) -> Result<Vec<Repository>> {
        let repositories = &self.ports.repositories;
        let next = |after: Option<RepositoryName>| {
            let (repositories, project) = (repositories.clone(), project.cloned());
            async move {
                repositories
                    .list_repositories(project.as_ref(), after.as_ref(), PAGE)
                    .await
            }
        };
        walk(next, |repository: &Repository| repository.name.clone()).await
    }

    /// The repository; [`Error::NotFound`] if there is none.
    pub async fn repository(&self, name: &RepositoryName) -> Result<Repository> {
        let found = self.ports.repositories.repository(name).await?;
        found.ok_or_else(|| Error::NotFound(format!("repository {name} does not exist")))
    }

    /// Changes a repository's description.
    pub async fn describe_repository(
        &self,
        name: &RepositoryName,
        description: String,
    ) -> Result<()> {
        let repository = self.repository(name).await?;
        let changed = Repository {
            description,
            updated_at: self.now(),
            ..repository
        };
        Ok(self.ports.repositories.update_repository(&changed).await?)
    }

    /// Deletes a repository with all its manifests. Not in one step: one that
    /// fails on the way leaves what it had not come to, and can be repeated.
    pub async fn delete_repository(self: &Arc<Self>, name: &RepositoryName) -> Result<()> {
        let repository = self.repository(name).await?;
        for _ in 0..ROUNDS {
            self.delete_some_manifests(name).await?;
            self.end_unfinished(name).await?;
            let repositories = &self.ports.repositories;
            match repositories
                .delete_repository(name, repository.version)
                .await
            {
                Ok(()) | Err(StoreError::NotFound(_)) => return Ok(()),
                Err(StoreError::InUse(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(format!("repository {name}")).into())
    }

    /// Deletes manifests that no index names. The next call finds those that
    /// only a deleted index named.
    async fn delete_some_manifests(self: &Arc<Self>, name: &RepositoryName) -> Result<()> {
        for manifest in self.all_manifests(name).await? {
            match self.delete_manifest(name, manifest.digest).await {
                Ok(()) | Err(Error::ManifestUnknown(_) | Error::PreconditionFailed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn all_manifests(&self, name: &RepositoryName) -> Result<Vec<ListedManifest>> {
        let manifests = &self.ports.manifests;
        let next = |after| {
            let (manifests, name) = (manifests.clone(), name.clone());
            async move { manifests.list_manifests(&name, after, PAGE).await }
        };
        walk(next, |manifest: &ListedManifest| manifest.digest).await
    }

    /// A repository's artifacts in order of digest, up to
    /// [`WALK_LIMIT`](crate::WALK_LIMIT). As in Harbor those that are part of
    /// another are left out unless `parts`: what has a subject, and an index's
    /// children that have no tag of their own.
    pub async fn artifacts(
        &self,
        name: &RepositoryName,
        parts: bool,
    ) -> Result<Vec<ListedManifest>> {
        let all = self.all_manifests(name).await?;
        if parts {
            return Ok(all);
        }
        let children: BTreeSet<Digest> = all
            .iter()
            .flat_map(|manifest| manifest.facts.children.iter().copied())
            .collect();
        let mut found = Vec::with_capacity(all.len());
        for manifest in all {
            if manifest.facts.subject.is_some() {
                continue;
            }
            if !children.contains(&manifest.digest) || self.is_tagged(name, manifest.digest).await?
            {
                found.push(manifest);
            }
        }
        Ok(found)
    }

    async fn is_tagged(&self, name: &RepositoryName, digest: Digest) -> Result<bool> {
        let page = self.ports.tags.tags_of(name, digest, None, 1).await?;
        Ok(!page.items.is_empty())
    }

    /// The manifest that a tag or digest names; [`Error::NotFound`] if there is
    /// none here. An upstream is not asked.
    pub async fn artifact(&self, name: &RepositoryName, reference: &Reference) -> Result<Manifest> {
        let digest = self.digest_of(name, reference).await?;
        let manifest = self.ports.manifests.manifest(name, digest).await?;
        manifest.ok_or_else(|| unknown_artifact(name, reference))
    }

    /// Deletes the manifest that a tag or digest names, with its tags; a
    /// deletion that was left half done too. [`Error::NotFound`] if there is
    /// none here.
    pub async fn delete_artifact(
        self: &Arc<Self>,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<()> {
        let digest = self.digest_of(name, reference).await?;
        match self.delete_manifest(name, digest).await {
            Err(Error::ManifestUnknown(_)) => Err(unknown_artifact(name, reference)),
            deleted => deleted,
        }
    }

    async fn digest_of(&self, name: &RepositoryName, reference: &Reference) -> Result<Digest> {
        match reference {
            Reference::Digest(digest) => Ok(*digest),
            Reference::Tag(tag) => {
                let tag = self.ports.tags.tag(name, tag).await?;
                let tag = tag.ok_or_else(|| unknown_artifact(name, reference))?;
                Ok(tag.digest)
            }
        }
    }

    /// The number of a manifest; `None` if it is not here.
    pub async fn artifact_id(
        &self,
        name: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<ArtifactId>> {
        let manifest = self.ports.manifests.manifest(name, digest).await?;
        Ok(manifest.map(|manifest| manifest.id))
    }

    /// A manifest's tags in order, up to [`WALK_LIMIT`](crate::WALK_LIMIT).
    pub async fn all_tags_of(
        &self,
        name: &RepositoryName,
        digest: Digest,
    ) -> Result<Vec<(TagName, Tag)>> {
        let tags = &self.ports.tags;
        let next = |after: Option<TagName>| {
            let (tags, name) = (tags.clone(), name.clone());
            async move { tags.tags_of(&name, digest, after.as_ref(), PAGE).await }
        };
        walk(next, |(tag, _): &(TagName, Tag)| tag.clone()).await
    }

    /// Deletes a tag of this manifest; [`Error::NotFound`] if it names another
    /// or none.
    pub async fn delete_tag_of(&self, manifest: &Manifest, name: &TagName) -> Result<()> {
        let unknown = || Error::NotFound(format!("tag {name} does not exist"));
        let tags = &self.ports.tags;
        let tag = tags.tag(&manifest.repository, name).await?;
        let tag = tag.filter(|tag| tag.digest == manifest.digest);
        let expected = Expect::Version(tag.ok_or_else(unknown)?.version);
        Ok(tags
            .delete_tag(&manifest.repository, name, expected)
            .await?)
    }

    /// Sets a new tag to a manifest; [`Error::Conflict`] if there is one of
    /// this name.
    pub async fn create_tag(&self, manifest: &Manifest, name: TagName) -> Result<()> {
        let tags = &self.ports.tags;
        if tags.tag(&manifest.repository, &name).await?.is_some() {
            return Err(Error::Conflict(format!("tag {name} exists already")));
        }
        Ok(tags.put_tags(manifest, &[name], self.now()).await?)
    }

    /// What has this manifest as its subject and is held here: the first
    /// thousand.
    pub async fn accessories(&self, subject: &Manifest) -> Result<Vec<Manifest>> {
        let (manifests, name) = (&self.ports.manifests, &subject.repository);
        let page = manifests
            .referrers(name, subject.digest, None, None, PAGE)
            .await?;
        let mut found = Vec::with_capacity(page.items.len());
        for referrer in page.items {
            found.extend(manifests.manifest(name, referrer.digest).await?);
        }
        Ok(found)
    }

    /// What a manifest says, and its config.
    pub async fn inspect(&self, manifest: Manifest) -> Result<Artifact> {
        let bytes = self.manifest_bytes(&manifest).await?;
        let parsed =
            ParsedManifest::parse(Some(&manifest.media_type), &bytes).map_err(|error| {
                StoreError::Corrupt(format!("manifest {}: {error}", manifest.digest))
            })?;
        let config = self.config(&manifest.repository, &parsed).await?;
        Ok(Artifact {
            manifest,
            parsed,
            config,
        })
    }

    async fn config(
        &self,
        repository: &RepositoryName,
        parsed: &ParsedManifest,
    ) -> Result<Option<serde_json::Value>> {
        let is_image =
            |kind: &str| kind == media_type::OCI_CONFIG || kind == media_type::DOCKER_CONFIG;
        let Some(config) = parsed.config.as_ref().filter(|c| is_image(&c.media_type)) else {
            return Ok(None);
        };
        let link = self.ports.links.link(repository, config.digest).await?;
        let Some(link) = link.filter(|link| link.size <= MAX_CONFIG) else {
            return Ok(None);
        };
        let span = Span {
            start: 0,
            end: link.size,
        };
        let mut stream = self.ports.blobs.stream(link.key, link.size, span).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(serde_json::from_slice(&bytes).ok())
    }
}

fn unknown_artifact(name: &RepositoryName, reference: &Reference) -> Error {
    Error::NotFound(format!("artifact {name} {reference} does not exist"))
}
