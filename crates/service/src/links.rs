//! Making blobs visible in repositories: the link protocol.
//!
//! A sweep may run at any moment beside this. What keeps them apart is order:
//! the back-edge is written before blob and link are read, and the commit
//! fails if either is no longer as read.

use berth_domain::{Envelope, Job, Link, LinkId, LinkState, LinkToken, ObjectKey, UploadId};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BlobWriter, CommitLink, LinkCommit, LinkSource, StoreError};
use futures_util::future::join;

use crate::error::{Error, Result};
use crate::service::{Service, Target};

/// How often a transition is tried again because others were faster. Each
/// failure means that somebody else succeeded.
pub(crate) const ATTEMPTS: usize = 32;

/// The failure after [`ATTEMPTS`].
pub(crate) fn contended(what: &str) -> Error {
    Error::Store(StoreError::Conflict(what.to_owned()))
}

impl Service {
    /// The repository's link to a blob, live or condemned. One that was made in
    /// an earlier project of the same name is not the repository's.
    pub(crate) async fn link(&self, target: &Target, digest: Digest) -> Result<Option<Link>> {
        let link = self.ports.links.link(&target.repository, digest).await?;
        Ok(link.filter(|link| link.project == target.project.id))
    }

    /// Makes a finished object visible as `digest` in a repository. If the blob
    /// is there already, that one is linked and the object is trashed; either
    /// way the upload session that owned the object has ended. The caller has
    /// prepared the link as `prepared`.
    ///
    /// [`Error::UploadUnknown`] if another request ended or claimed the
    /// session; the object is that one's then.
    pub(crate) async fn link_object(
        &self,
        target: &Target,
        digest: Digest,
        key: ObjectKey,
        size: u64,
        session: (UploadId, u64),
        prepared: LinkId,
    ) -> Result<()> {
        let (links, repository) = (&self.ports.links, &target.repository);
        let mut prepared = Some(prepared);
        for _ in 0..ATTEMPTS {
            let id = match prepared.take() {
                Some(id) => id,
                None => self.prepare_link(repository, digest).await?,
            };
            if self.revive_if_linked(target, digest).await? {
                links.withdraw_link(repository, digest, id).await?;
                return self.end_session_with_object(session, key).await;
            }
            let (source, trash) = match links.blob(digest).await? {
                Some(blob) => (
                    LinkSource::Blob(blob),
                    vec![self.envelope(Job::DeleteObject { key })],
                ),
                None => (LinkSource::NewBlob { key, size }, Vec::new()),
            };
            let commit = CommitLink {
                session: Some(session),
                jobs: trash,
                ..self.new_commit(target, digest, id, source)
            };
            match links.commit_link(&commit).await? {
                LinkCommit::Done => {
                    self.send_soon(commit.jobs);
                    return Ok(());
                }
                LinkCommit::Retry => links.withdraw_link(repository, digest, id).await?,
                LinkCommit::Fenced => {
                    links.withdraw_link(repository, digest, id).await?;
                    return Err(Error::UploadUnknown);
                }
            }
        }
        Err(contended("the blob"))
    }

    /// Makes a blob that is stored already visible in a repository; `false` if
    /// it is not stored. The caller has seen that the principal may read it.
    pub(crate) async fn link_existing(&self, target: &Target, digest: Digest) -> Result<bool> {
        let (links, repository) = (&self.ports.links, &target.repository);
        for _ in 0..ATTEMPTS {
            let id = self.prepare_link(repository, digest).await?;
            let linked = self.revive_if_linked(target, digest).await?;
            let blob = if linked {
                None
            } else {
                links.blob(digest).await?
            };
            let Some(blob) = blob else {
                links.withdraw_link(repository, digest, id).await?;
                return Ok(linked);
            };
            let commit = self.new_commit(target, digest, id, LinkSource::Blob(blob));
            if links.commit_link(&commit).await? == LinkCommit::Done {
                return Ok(true);
            }
            links.withdraw_link(repository, digest, id).await?;
        }
        Err(contended("the blob"))
    }

    fn new_commit(
        &self,
        target: &Target,
        digest: Digest,
        id: LinkId,
        source: LinkSource,
    ) -> CommitLink {
        CommitLink {
            repository: target.repository.clone(),
            project: target.project.id,
            digest,
            id,
            source,
            session: None,
            jobs: Vec::new(),
            now: self.now(),
        }
    }

    /// Prepares the link to an object that is about to be finished, while its
    /// bytes are made durable: one wait for the disk instead of two. When this
    /// returns, the session that owns the object is durable too.
    pub(crate) async fn prepare_object_link(
        &self,
        target: &Target,
        digest: Digest,
        writer: &mut dyn BlobWriter,
    ) -> Result<LinkId> {
        let repository = &target.repository;
        let (prepared, flushed) = join(self.prepare_link(repository, digest), writer.flush()).await;
        let id = prepared?;
        if let Err(error) = flushed {
            self.give_up_link(target, digest, id).await;
            return Err(error.into());
        }
        Ok(id)
    }

    /// Takes a pending back-edge back after a failure. Should this fail too, a
    /// sweep does it.
    pub(crate) async fn give_up_link(&self, target: &Target, digest: Digest, id: LinkId) {
        let (links, repository) = (&self.ports.links, &target.repository);
        if let Err(error) = links.withdraw_link(repository, digest, id).await {
            tracing::warn!(%repository, %digest, %error, "back-edge of a failed push left");
        }
    }

    pub(crate) async fn prepare_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<LinkId> {
        let id = LinkId::from(self.ports.ids.fresh());
        self.ports
            .links
            .prepare_link(repository, digest, id, self.after_grace())
            .await?;
        Ok(id)
    }

    /// Whether the repository has the blob; a link that a sweep has condemned
    /// is live again then. A link of an earlier project of the same name is
    /// taken away.
    pub(crate) async fn revive_if_linked(&self, target: &Target, digest: Digest) -> Result<bool> {
        let (links, repository) = (&self.ports.links, &target.repository);
        for _ in 0..ATTEMPTS {
            let Some(link) = links.link(repository, digest).await? else {
                return Ok(false);
            };
            if link.project != target.project.id {
                if let Some(token) = self.condemn(&link).await? {
                    self.delete_condemned(&link, token).await?;
                }
                continue;
            }
            let token = match link.state {
                LinkState::Live if self.is_promised(&link) => return Ok(true),
                LinkState::Live => None,
                LinkState::Condemned(token) => Some(token),
            };
            match links
                .revive_link(repository, digest, token, self.now())
                .await
            {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended("the blob"))
    }

    /// Whether a pusher who is told of a live link can count on it for half the
    /// grace time without its being touched.
    pub(crate) fn is_promised(&self, link: &Link) -> bool {
        let age = self.now().duration_since(link.touched_at).unsigned_abs();
        age < self.settings.grace / 2
    }

    /// Condemns a link, or finds that it is; `None` if it was changed since it
    /// was read.
    pub(crate) async fn condemn(&self, link: &Link) -> Result<Option<LinkToken>> {
        if let LinkState::Condemned(token) = link.state {
            return Ok(Some(token));
        }
        let token = LinkToken::from(self.ports.ids.fresh());
        let links = &self.ports.links;
        match links
            .condemn_link(&link.repository, link.digest, link.id, token)
            .await
        {
            Ok(()) => Ok(Some(token)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a link that is still condemned; `false` if it was revived.
    pub(crate) async fn delete_condemned(&self, link: &Link, token: LinkToken) -> Result<bool> {
        let links = &self.ports.links;
        match links
            .delete_link(&link.repository, link.digest, token, self.now())
            .await
        {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a session whose object is not needed after all.
    pub(crate) async fn end_session_with_object(
        &self,
        (upload, epoch): (UploadId, u64),
        key: ObjectKey,
    ) -> Result<()> {
        let jobs = vec![self.envelope(Job::DeleteObject { key })];
        match self.ports.uploads.delete_upload(upload, epoch, &jobs).await {
            Ok(()) => {
                self.send_soon(jobs);
                Ok(())
            }
            // Who claimed it after us ends it, and finds the link.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a blob's link: the blob is unknown in the repository at once.
    /// [`Error::Unsupported`] while a manifest names it.
    pub async fn delete_blob(&self, target: &Target, digest: Digest) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let link = self.link(target, digest).await?;
            let link = link.ok_or(Error::BlobUnknown(digest))?;
            let Some(token) = self.condemn(&link).await? else {
                continue;
            };
            if self.is_blob_needed(&target.repository, digest).await? {
                self.revive_if_linked(target, digest).await?;
                return Err(Error::Unsupported(
                    "the blob is part of a manifest, delete that first".to_owned(),
                ));
            }
            if self.delete_condemned(&link, token).await? {
                return self.forget_arrival(target, digest).await;
            }
        }
        Err(contended("the blob"))
    }

    /// Jobs are in the outbox already; sending them now is for speed.
    pub(crate) fn send_soon(&self, jobs: Vec<Envelope>) {
        if jobs.is_empty() {
            return;
        }
        let ports = self.ports.clone();
        self.ports.tasks.spawn(Box::pin(async move {
            for envelope in jobs {
                if let Err(error) = crate::outbox::send(&ports, &envelope).await {
                    tracing::warn!(job = %envelope.id, %error, "job stays in the outbox");
                }
            }
        }));
    }
}
