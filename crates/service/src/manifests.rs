//! Making manifests visible.
//!
//! Edges are written before anything that they lead to is looked at, so a
//! sweep that looks for edges cannot miss one that was relied on.

use std::sync::Arc;

use berth_domain::{
    ArtifactId, Begun, Edge, EdgeTarget, INLINE_MANIFEST_BYTES, Job, MAX_REFERRER_ANNOTATION_BYTES,
    Manifest, ManifestContent, ManifestFacts, Nonce, Referrer, Repository, RepositoryId, Sequence,
    UploadId, Version,
};
use berth_oci::{Digest, ParsedManifest, RepositoryName, TagName};
use berth_ports::{CommitManifest, Span, StoreError};
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::links::{ATTEMPTS, contended};
use crate::service::{Service, Target};

/// How many edges one call of the port takes.
const EDGES_AT_ONCE: usize = 25;

/// What a manifest may name that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing.
    Refuse,
    /// An index's children.
    AllowChildren,
    /// All: a proxy project fetches it when it is asked for.
    AllowAll,
}

/// A manifest to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewManifest {
    /// What it says.
    pub(crate) parsed: ParsedManifest,
    /// The digest of its bytes, verified.
    pub(crate) digest: Digest,
    /// Its bytes, kept as they are.
    pub(crate) bytes: Bytes,
    /// The tags to set to it.
    pub(crate) tags: Vec<TagName>,
    /// What may be missing.
    pub(crate) absent: Absent,
    /// The number and the time that it had in another store.
    pub(crate) kept: Option<(ArtifactId, Timestamp)>,
}

impl NewManifest {
    fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.parsed.blobs.iter().map(|blob| blob.digest)
    }

    fn children(&self) -> impl Iterator<Item = Digest> {
        self.parsed.children.iter().map(|child| child.digest)
    }

    fn targets(&self) -> Vec<EdgeTarget> {
        let mut targets: Vec<_> = self
            .blobs()
            .map(EdgeTarget::Blob)
            .chain(self.children().map(EdgeTarget::Manifest))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    fn unlink(&self, repository: &RepositoryName, nonce: Nonce) -> Job {
        Job::Unlink {
            repository: repository.clone(),
            manifest: self.digest,
            nonce,
            blobs: self.blobs().collect(),
            children: self.children().collect(),
        }
    }
}

/// What a push of a manifest did; shown to the client.
#[derive(Clone, Debug)]
pub struct PushedManifest {
    /// Its digest.
    pub digest: Digest,
    /// What it refers to.
    pub subject: Option<Digest>,
}

impl Service {
    /// Takes a manifest as a client pushes it. The caller has seen that the
    /// principal may push there; a proxy project takes none.
    pub async fn push_manifest(
        self: &Arc<Self>,
        target: &Target,
        content_type: Option<&str>,
        expected: Option<Digest>,
        tags: Vec<TagName>,
        bytes: Bytes,
    ) -> Result<PushedManifest> {
        let algorithm = expected.map_or_else(Default::default, |digest| digest.algorithm());
        let digest = Digest::of(algorithm, &bytes);
        if expected.is_some_and(|expected| expected != digest) {
            return Err(Error::DigestInvalid(format!(
                "the manifest hashes to {digest}"
            )));
        }
        let parsed = ParsedManifest::parse(content_type, &bytes)
            .map_err(|error| Error::ManifestInvalid(error.to_string()))?;
        let subject = parsed.subject.as_ref().map(|subject| subject.digest);
        let absent = if self.settings.sparse_indexes {
            Absent::AllowChildren
        } else {
            Absent::Refuse
        };
        let new = NewManifest {
            parsed,
            digest,
            bytes,
            tags,
            absent,
            kept: None,
        };
        let (service, target) = (Arc::clone(self), target.clone());
        self.to_the_end(async move { service.store_manifest(&target, new).await })
            .await?;
        Ok(PushedManifest { digest, subject })
    }

    /// Makes a manifest and its tags visible.
    pub(crate) async fn store_manifest(
        &self,
        target: &Target,
        new: NewManifest,
    ) -> Result<Manifest> {
        let repository = &target.repository;
        for _ in 0..ATTEMPTS {
            let fresh = Nonce::from(self.ports.ids.fresh());
            let begun = self
                .ports
                .manifests
                .begin_manifest(repository, new.digest, fresh, self.after_grace())
                .await?;
            let nonce = match begun {
                Begun::Started => fresh,
                Begun::Joined(nonce) => nonce,
                Begun::Live(manifest) => {
                    self.ensure_repository(target).await?;
                    self.touch_manifest(&manifest).await?;
                    if self.tag_live(&manifest, &new.tags).await? {
                        return Ok(*manifest);
                    }
                    continue;
                }
                Begun::Deleting => {
                    self.restore(repository, new.digest).await?;
                    continue;
                }
            };
            if let Some(manifest) = self.commit_pending(target, &new, nonce).await? {
                return Ok(manifest);
            }
        }
        Err(contended("the manifest"))
    }

    /// Promises a pusher that a manifest stays for a while.
    async fn touch_manifest(&self, manifest: &Manifest) -> Result<()> {
        let Manifest {
            repository, digest, ..
        } = manifest;
        Ok(self
            .ports
            .manifests
            .touch_manifest(repository, *digest, self.now())
            .await?)
    }

    /// Sets tags to a manifest that was live when it was read; `false` if it
    /// no longer is.
    async fn tag_live(&self, manifest: &Manifest, tags: &[TagName]) -> Result<bool> {
        if tags.is_empty() {
            return Ok(true);
        }
        match self.ports.tags.put_tags(manifest, tags, self.now()).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Commits a pending manifest, or gives it up. `None` if another request
    /// decided its fate meanwhile.
    async fn commit_pending(
        &self,
        target: &Target,
        new: &NewManifest,
        nonce: Nonce,
    ) -> Result<Option<Manifest>> {
        let committed = self.commit(target, new, nonce).await;
        if committed.is_err()
            && let Err(error) = self.give_up(&target.repository, new, nonce).await
        {
            // The failure that is told is the one that came first.
            tracing::warn!(
                repository = %target.repository, digest = %new.digest, %error,
                "manifest left pending"
            );
        }
        committed
    }

    /// Edges, then a look at what they lead to, then the commit.
    async fn commit(
        &self,
        target: &Target,
        new: &NewManifest,
        nonce: Nonce,
    ) -> Result<Option<Manifest>> {
        let repository = &target.repository;
        let edge = Edge {
            manifest: new.digest,
            nonce,
        };
        for targets in new.targets().chunks(EDGES_AT_ONCE) {
            self.ports
                .manifests
                .put_edges(repository, edge, targets)
                .await?;
        }
        let missing = self.missing(target, new).await?;
        if !missing.is_empty() {
            return Err(Error::ManifestBlobUnknown(missing));
        }
        // The pending manifest keeps the repository from being deleted.
        self.ensure_repository(target).await?;
        let (content, session) = self.store_content(repository, &new.bytes).await?;
        let manifest = self
            .manifest_record(repository, new, nonce, content)
            .await?;
        let commit = CommitManifest {
            referrer: manifest.facts.subject.map(|_| referrer(new, &manifest)),
            manifest,
            tags: new.tags.clone(),
            session: session.as_ref().map(|(session, _)| *session),
        };
        match self.ports.manifests.commit_manifest(&commit).await {
            Ok(()) => Ok(Some(commit.manifest)),
            Err(StoreError::Conflict(_)) => {
                if let Some((session, key)) = session {
                    self.end_session_with_object(session, key).await?;
                }
                self.drop_stale_edges(repository, new, nonce).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the manifest names and the repository does not have. What a sweep
    /// has condemned is revived on the way.
    async fn missing(&self, target: &Target, new: &NewManifest) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        if new.absent == Absent::AllowAll {
            return Ok(missing);
        }
        for blob in new.parsed.required_blobs() {
            if !missing.contains(&blob.digest)
                && !self.revive_if_linked(target, blob.digest).await?
            {
                missing.push(blob.digest);
            }
        }
        if self.ports.staging.is_open() && !missing.is_empty() {
            missing = Box::pin(self.not_arrived(target, missing)).await?;
        }
        if new.absent == Absent::Refuse {
            for child in new.children() {
                if self
                    .ports
                    .manifests
                    .manifest(&target.repository, child)
                    .await?
                    .is_none()
                {
                    missing.push(child);
                }
            }
        }
        Ok(missing)
    }

    /// Withdraws a pending manifest, and leaves its edges to a job.
    async fn give_up(
        &self,
        repository: &RepositoryName,
        new: &NewManifest,
        nonce: Nonce,
    ) -> Result<()> {
        let jobs = vec![self.envelope(new.unlink(repository, nonce))];
        match self
            .ports
            .manifests
            .abort_manifest(repository, new.digest, nonce, &jobs)
            .await
        {
            Ok(()) => {
                self.send_soon(jobs);
                Ok(())
            }
            Err(StoreError::Conflict(_)) => self.drop_stale_edges(repository, new, nonce).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Takes our edges away if the manifest is no longer under their nonce.
    async fn drop_stale_edges(
        &self,
        repository: &RepositoryName,
        new: &NewManifest,
        nonce: Nonce,
    ) -> Result<()> {
        let state = self
            .ports
            .manifests
            .manifest_state(repository, new.digest)
            .await?;
        if state.is_some_and(|(_, current)| current == nonce) {
            return Ok(());
        }
        self.delete_edges(
            repository,
            Edge {
                manifest: new.digest,
                nonce,
            },
            &new.targets(),
        )
        .await
    }

    pub(crate) async fn delete_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> Result<()> {
        for targets in targets.chunks(EDGES_AT_ONCE) {
            self.ports
                .manifests
                .delete_edges(repository, edge, targets, self.now())
                .await?;
        }
        Ok(())
    }

    /// Puts a large manifest's bytes into an object, owned by a session until
    /// the commit.
    async fn store_content(
        &self,
        repository: &RepositoryName,
        bytes: &Bytes,
    ) -> Result<(
        ManifestContent,
        Option<((UploadId, u64), berth_domain::ObjectKey)>,
    )> {
        if bytes.len() <= INLINE_MANIFEST_BYTES {
            return Ok((ManifestContent::Inline(bytes.clone()), None));
        }
        let session = self
            .open_durable_session(repository, berth_oci::Algorithm::Sha256)
            .await?;
        self.ports.blobs.put(session.key, bytes.clone()).await?;
        let owner = ((session.id, session.epoch), session.key);
        Ok((ManifestContent::Object(session.key), Some(owner)))
    }

    async fn manifest_record(
        &self,
        repository: &RepositoryName,
        new: &NewManifest,
        nonce: Nonce,
        content: ManifestContent,
    ) -> Result<Manifest> {
        let size = new.bytes.len() as u64;
        let (id, pushed_at) = if let Some(kept) = new.kept {
            kept
        } else {
            let id = self.ports.sequences.next(Sequence::Artifact).await?;
            (ArtifactId(id), self.now())
        };
        let named = new.parsed.blobs.iter().chain(&new.parsed.children);
        Ok(Manifest {
            repository: repository.clone(),
            digest: new.digest,
            nonce,
            id,
            media_type: new.parsed.media_type.clone(),
            size,
            content,
            facts: ManifestFacts {
                artifact_type: new.parsed.artifact_type.clone(),
                config_media_type: new.parsed.config.as_ref().map(|c| c.media_type.clone()),
                subject: new.parsed.subject.as_ref().map(|subject| subject.digest),
                children: new.children().collect(),
                total_size: named.fold(size, |sum, one| sum.saturating_add(one.size)),
            },
            pushed_at,
        })
    }

    /// Sees that the repository has its record, in this life of its project.
    async fn ensure_repository(&self, target: &Target) -> Result<()> {
        let repositories = &self.ports.repositories;
        let unknown = || Error::NameUnknown(target.repository.to_string());
        if let Some(repository) = repositories.repository(&target.repository).await? {
            let same = repository.project == target.project.id;
            return if same { Ok(()) } else { Err(unknown()) };
        }
        let now = self.now();
        let repository = Repository {
            id: RepositoryId(self.ports.sequences.next(Sequence::Repository).await?),
            name: target.repository.clone(),
            project: target.project.id,
            description: String::new(),
            created_at: now,
            updated_at: now,
            version: Version::default(),
        };
        match repositories.create_repository(&repository).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(StoreError::NotFound(_)) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }

    /// A manifest's bytes.
    pub(crate) async fn manifest_bytes(&self, manifest: &Manifest) -> Result<Bytes> {
        let key = match &manifest.content {
            ManifestContent::Inline(bytes) => return Ok(bytes.clone()),
            ManifestContent::Object(key) => *key,
        };
        let span = Span {
            start: 0,
            end: manifest.size,
        };
        let mut stream = self.ports.blobs.stream(key, manifest.size, span).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(manifest.size).unwrap_or_default());
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes.into())
    }
}

fn referrer(new: &NewManifest, manifest: &Manifest) -> Referrer {
    let annotations = &new.parsed.annotations;
    let size: usize = annotations
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    Referrer {
        digest: new.digest,
        media_type: manifest.media_type.clone(),
        size: manifest.size,
        artifact_type: manifest.facts.artifact_type.clone(),
        annotations: (size <= MAX_REFERRER_ANNOTATION_BYTES).then(|| annotations.clone()),
    }
}
