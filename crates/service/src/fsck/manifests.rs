//! Manifests and tags: bytes, edges, and what they name.

use berth_domain::{
    Edge, EdgeTarget, FreshId, Manifest, ManifestContent, ManifestState, Nonce, ProjectName,
};
use berth_oci::{Digest, ParsedManifest, RepositoryName, TagName};
use bytes::Bytes;

use super::PAGE;
use crate::error::Result;
use crate::service::Service;

impl Service {
    pub(super) async fn verify_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Vec<String>> {
        let Some(manifest) = self.ports.manifests.manifest(repository, digest).await? else {
            return Ok(Vec::new());
        };
        let bytes = match self.verified_bytes(&manifest).await? {
            Ok(bytes) => bytes,
            Err(problem) => return Ok(vec![problem]),
        };
        match ParsedManifest::parse(Some(&manifest.media_type), &bytes) {
            Ok(parsed) => self.verify_named(&manifest, &parsed).await,
            Err(error) => Ok(vec![format!("cannot be parsed: {error}")]),
        }
    }

    /// A manifest's bytes, or what is wrong with them.
    async fn verified_bytes(
        &self,
        manifest: &Manifest,
    ) -> Result<std::result::Result<Bytes, String>> {
        let problem = match &manifest.content {
            ManifestContent::Object(key) => {
                self.verify_object(*key, manifest.size, manifest.digest, &mut |_| {})
                    .await
            }
            ManifestContent::Inline(bytes) => {
                let actual = Digest::of(manifest.digest.algorithm(), bytes);
                (actual != manifest.digest).then(|| format!("has bytes that hash to {actual}"))
            }
        };
        match problem {
            Some(problem) => Ok(Err(problem)),
            None => self.manifest_bytes(manifest).await.map(Ok),
        }
    }

    async fn verify_named(
        &self,
        manifest: &Manifest,
        parsed: &ParsedManifest,
    ) -> Result<Vec<String>> {
        let repository = &manifest.repository;
        let proxy = self.is_proxy(repository).await?;
        let mut problems = Vec::new();
        for blob in parsed.required_blobs() {
            let digest = blob.digest;
            if !proxy && self.ports.links.link(repository, digest).await?.is_none() {
                problems.push(format!(
                    "needs blob {digest}, which is not in the repository"
                ));
            }
            if !self
                .has_its_edge(manifest, EdgeTarget::Blob(digest))
                .await?
            {
                problems.push(format!("has no edge to blob {digest}"));
            }
        }
        let sparse = proxy || self.settings.sparse_indexes;
        for child in parsed.children.iter().map(|child| child.digest) {
            if !sparse
                && self
                    .ports
                    .manifests
                    .manifest(repository, child)
                    .await?
                    .is_none()
            {
                problems.push(format!(
                    "needs manifest {child}, which is not in the repository"
                ));
            }
            if !self
                .has_its_edge(manifest, EdgeTarget::Manifest(child))
                .await?
            {
                problems.push(format!("has no edge to manifest {child}"));
            }
        }
        if let Some(subject) = manifest.facts.subject
            && !self.is_listed(manifest, subject).await?
        {
            problems.push(format!("is not among the referrers of {subject}"));
        }
        Ok(problems)
    }

    async fn is_proxy(&self, repository: &RepositoryName) -> Result<bool> {
        let Some(name) = ProjectName::of(repository) else {
            return Ok(false);
        };
        let project = self.ports.projects.project(&name).await?;
        Ok(project.is_some_and(|project| project.registry.is_some()))
    }

    async fn has_its_edge(&self, manifest: &Manifest, target: EdgeTarget) -> Result<bool> {
        let edge = Edge {
            manifest: manifest.digest,
            nonce: manifest.nonce,
        };
        let Some(before) = before(manifest.nonce) else {
            return Ok(false);
        };
        let behind = Some(Edge {
            nonce: before,
            ..edge
        });
        let page = self
            .ports
            .manifests
            .edges(&manifest.repository, target, behind, 1)
            .await?;
        Ok(page.items.first() == Some(&edge))
    }

    async fn is_listed(&self, manifest: &Manifest, subject: Digest) -> Result<bool> {
        let mut after: Option<(String, Digest)> = None;
        loop {
            let behind = after
                .as_ref()
                .map(|(kind, digest)| (kind.as_str(), *digest));
            let page = self
                .ports
                .manifests
                .referrers(&manifest.repository, subject, None, behind, PAGE)
                .await?;
            if page
                .items
                .iter()
                .any(|referrer| referrer.digest == manifest.digest)
            {
                return Ok(true);
            }
            let last = page.items.last().filter(|_| page.more);
            let Some(last) = last else { return Ok(false) };
            after = Some((last.artifact_type.clone().unwrap_or_default(), last.digest));
        }
    }

    pub(super) async fn verify_tag(
        &self,
        repository: &RepositoryName,
        name: &TagName,
    ) -> Result<Vec<String>> {
        let Some(tag) = self.ports.tags.tag(repository, name).await? else {
            return Ok(Vec::new());
        };
        let manifests = &self.ports.manifests;
        let problem = match manifests.manifest(repository, tag.digest).await? {
            None => {
                let state = manifests.manifest_state(repository, tag.digest).await?;
                // A deletion that has begun and will be ended, tags first.
                let deleting = matches!(state, Some((ManifestState::Deleting, _)));
                (!deleting).then(|| {
                    let digest = tag.digest;
                    format!("names manifest {digest}, which is not in the repository")
                })
            }
            Some(manifest) => ((&manifest.media_type, manifest.size)
                != (&tag.media_type, tag.size))
                .then(|| format!("has another type or size than manifest {}", tag.digest)),
        };
        Ok(problem.into_iter().collect())
    }
}

/// The nonce just before another, as a cursor.
fn before(nonce: Nonce) -> Option<Nonce> {
    let number = u128::from_str_radix(&nonce.to_string(), 16).ok()?;
    number.checked_sub(1).map(|number| FreshId(number).into())
}
