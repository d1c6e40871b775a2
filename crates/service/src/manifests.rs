//! Making manifests visible, and taking them away.
//!
//! Edges are written before anything that they lead to is looked at, so a
//! sweep that looks for edges cannot miss one that was relied on.

use berth_domain::{
    ArtifactId, Begun, Edge, EdgeTarget, INLINE_MANIFEST_BYTES, Job, MAX_REFERRER_ANNOTATION_BYTES,
    Manifest, ManifestContent, ManifestFacts, ManifestState, Nonce, Referrer, Repository,
    RepositoryId, Sequence, UploadId, Version,
};
use berth_oci::{Digest, ParsedManifest, RepositoryName, TagName};
use berth_ports::{CommitManifest, DeleteEnd, Span, StoreError};
use bytes::Bytes;
use futures_util::StreamExt;

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
        &self,
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
        self.store_manifest(
            target,
            NewManifest {
                parsed,
                digest,
                bytes,
                tags,
                absent,
            },
        )
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
                .begin_manifest(repository, new.digest, fresh, self.now())
                .await?;
            let nonce = match begun {
                Begun::Started => fresh,
                Begun::Joined(nonce) => nonce,
                Begun::Live(manifest) => {
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

    /// Brings a manifest back whose deletion a push overtakes, or that a crash
    /// left half deleted.
    async fn restore(&self, repository: &RepositoryName, digest: Digest) -> Result<()> {
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

    /// Edges, then a look at what they lead to, then the commit. `None` if
    /// another request decided the manifest's fate meanwhile.
    async fn commit_pending(
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
        let missing = self.missing(repository, new).await?;
        if !missing.is_empty() {
            self.give_up(repository, new, nonce).await?;
            return Err(Error::ManifestBlobUnknown(missing));
        }
        // The pending manifest keeps the repository from being deleted.
        if let Err(error) = self.ensure_repository(target).await {
            self.give_up(repository, new, nonce).await?;
            return Err(error);
        }
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
    async fn missing(&self, repository: &RepositoryName, new: &NewManifest) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        if new.absent == Absent::AllowAll {
            return Ok(missing);
        }
        for blob in new.parsed.required_blobs() {
            if !missing.contains(&blob.digest)
                && !self.revive_if_linked(repository, blob.digest).await?
            {
                missing.push(blob.digest);
            }
        }
        if new.absent == Absent::Refuse {
            for child in new.children() {
                if self
                    .ports
                    .manifests
                    .manifest(repository, child)
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
            .open_session(repository, berth_oci::Algorithm::Sha256)
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
        let named = new.parsed.blobs.iter().chain(&new.parsed.children);
        Ok(Manifest {
            repository: repository.clone(),
            digest: new.digest,
            nonce,
            id: ArtifactId(self.ports.sequences.next(Sequence::Artifact).await?),
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
            pushed_at: self.now(),
        })
    }

    /// Sees that the repository has its record.
    async fn ensure_repository(&self, target: &Target) -> Result<()> {
        let repositories = &self.ports.repositories;
        if repositories.repository(&target.repository).await?.is_some() {
            return Ok(());
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
            Err(StoreError::NotFound(_)) => Err(Error::NameUnknown(target.repository.to_string())),
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

    /// Deletes a manifest and its tags. [`Error::PreconditionFailed`] while an
    /// index names it.
    pub async fn delete_manifest(&self, repository: &RepositoryName, digest: Digest) -> Result<()> {
        let unknown = || Error::ManifestUnknown(digest.to_string());
        let manifests = &self.ports.manifests;
        let manifest = manifests
            .manifest(repository, digest)
            .await?
            .ok_or_else(unknown)?;
        match manifests
            .begin_delete(repository, digest, manifest.nonce)
            .await
        {
            Ok(()) => {}
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        }
        if self.has_parent(repository, digest).await? {
            self.restore(repository, digest).await?;
            return Err(Error::PreconditionFailed(
                "the manifest is part of an index, delete that first".to_owned(),
            ));
        }
        self.delete_tags_of(repository, digest).await?;
        let jobs = match self.unlink_job(&manifest).await? {
            Some(job) => vec![self.envelope(job)],
            None => Vec::new(),
        };
        let jobs = self.with_object_job(jobs, &manifest);
        let end = DeleteEnd::Gone(jobs.clone());
        match manifests
            .end_delete(repository, digest, manifest.nonce, &end)
            .await
        {
            Ok(()) => self.send_soon(jobs),
            // A push of the same manifest overtook the deletion.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn with_object_job(
        &self,
        mut jobs: Vec<berth_domain::Envelope>,
        manifest: &Manifest,
    ) -> Vec<berth_domain::Envelope> {
        if let ManifestContent::Object(key) = manifest.content {
            jobs.push(self.envelope(Job::DeleteObject { key }));
        }
        jobs
    }

    /// The job that takes a manifest's edges away; `None` if it has none.
    async fn unlink_job(&self, manifest: &Manifest) -> Result<Option<Job>> {
        let bytes = self.manifest_bytes(manifest).await?;
        let parsed =
            ParsedManifest::parse(Some(&manifest.media_type), &bytes).map_err(|error| {
                StoreError::Corrupt(format!("manifest {}: {error}", manifest.digest))
            })?;
        let (blobs, children): (Vec<_>, Vec<_>) = (
            parsed.blobs.iter().map(|blob| blob.digest).collect(),
            parsed.children.iter().map(|child| child.digest).collect(),
        );
        Ok(
            (!blobs.is_empty() || !children.is_empty()).then(|| Job::Unlink {
                repository: manifest.repository.clone(),
                manifest: manifest.digest,
                nonce: manifest.nonce,
                blobs,
                children,
            }),
        )
    }

    /// Takes away the edges of a manifest that is gone. A manifest that is
    /// there under this nonce keeps them.
    pub async fn unlink(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> Result<Unlinked> {
        let state = self
            .ports
            .manifests
            .manifest_state(repository, edge.manifest)
            .await?;
        match state {
            Some((ManifestState::Live, nonce)) if nonce == edge.nonce => Ok(Unlinked::Needed),
            Some((_, nonce)) if nonce == edge.nonce => Ok(Unlinked::Later),
            _ => {
                self.delete_edges(repository, edge, targets).await?;
                Ok(Unlinked::Done)
            }
        }
    }

    async fn delete_tags_of(&self, repository: &RepositoryName, digest: Digest) -> Result<()> {
        loop {
            let page = self
                .ports
                .tags
                .tags_of(repository, digest, None, 100)
                .await?;
            for (name, tag) in &page.items {
                let expect = berth_domain::Expect::Version(tag.version);
                match self.ports.tags.delete_tag(repository, name, expect).await {
                    Ok(()) | Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Whether a manifest that counts names this one as its child.
    async fn has_parent(&self, repository: &RepositoryName, digest: Digest) -> Result<bool> {
        self.has_edge(repository, EdgeTarget::Manifest(digest))
            .await
    }

    /// Whether a manifest that counts names this blob.
    pub(crate) async fn is_blob_needed(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<bool> {
        self.has_edge(repository, EdgeTarget::Blob(digest)).await
    }

    async fn has_edge(&self, repository: &RepositoryName, target: EdgeTarget) -> Result<bool> {
        let mut after = None;
        loop {
            let page = self
                .ports
                .manifests
                .edges(repository, target, after, 100)
                .await?;
            for edge in &page.items {
                let state = self
                    .ports
                    .manifests
                    .manifest_state(repository, edge.manifest)
                    .await?;
                if state.is_some_and(|(_, nonce)| nonce == edge.nonce) {
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
