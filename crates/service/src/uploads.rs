//! Upload sessions: start, take bytes, commit, cancel, expire.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use berth_domain::{Envelope, Job, ObjectKey, UploadId, UploadSession, WriteState};
use berth_oci::{Algorithm, Digest, RepositoryName};
use berth_ports::{BlobWriter, Finished, Span, StoreError};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::keep_alive::KeepAlive;
use crate::links::{ATTEMPTS, contended};
use crate::outbox::{SWEEP_PAGE, SWEEP_PAGES};
use crate::service::{Service, Target};

/// More sessions than there are.
const ALL: usize = u32::MAX as usize;

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(pub String);

/// A request's body.
pub type Body = Pin<Box<dyn Stream<Item = std::result::Result<Bytes, BodyError>> + Send>>;

/// Where an upload stands; shown to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadStatus {
    /// The session.
    pub id: UploadId,
    /// Its epoch: the next request names it.
    pub epoch: u64,
    /// Bytes received.
    pub offset: u64,
}

impl From<&UploadSession> for UploadStatus {
    fn from(session: &UploadSession) -> Self {
        Self {
            id: session.id,
            epoch: session.epoch,
            offset: session.state.offset,
        }
    }
}

/// The bytes that a PATCH says it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The first byte's offset, if the client says it.
    pub start: Option<u64>,
    /// How many bytes, if the client says it.
    pub length: Option<u64>,
}

impl Service {
    /// Opens a session in a repository. The caller has seen that the principal
    /// may push there.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<UploadStatus> {
        Ok(UploadStatus::from(
            &self.open_session(repository, algorithm).await?,
        ))
    }

    /// Opens a session; it owns the object that is written under its key. It
    /// must be durable before that object is finished: a pending link that is
    /// written meanwhile sees to that.
    pub(crate) async fn open_session(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<UploadSession> {
        let now = self.now();
        let session = UploadSession {
            id: UploadId::of_client(self.ports.ids.fresh()),
            repository: repository.clone(),
            key: ObjectKey::from(self.ports.ids.fresh()),
            epoch: 0,
            state: WriteState::new(algorithm),
            created_at: now,
            touched_at: now,
        };
        self.ports.uploads.create_upload(&session).await?;
        Ok(session)
    }

    /// The same, durable when it returns: for an object that is finished before
    /// anything else is written.
    pub(crate) async fn open_durable_session(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
    ) -> Result<UploadSession> {
        let session = self.open_session(repository, algorithm).await?;
        let (id, epoch, now) = (session.id, session.epoch, session.touched_at);
        self.ports.uploads.touch_upload(id, epoch, now).await?;
        Ok(session)
    }

    /// Where an upload stands.
    pub async fn upload_status(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<UploadStatus> {
        Ok(UploadStatus::from(&self.session(repository, id).await?))
    }

    /// Ends a session; its bytes are thrown away.
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: UploadId) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let session = match self.claim(repository, id, None, None).await {
                // Another request claimed it meanwhile.
                Err(Error::RangeInvalid { .. }) => continue,
                claimed => claimed?,
            };
            return self
                .end_session_with_object((id, session.epoch), session.key)
                .await;
        }
        Err(contended("the upload session"))
    }

    /// Takes a chunk. What arrived before a body broke off is kept, and the
    /// session can be continued there.
    pub async fn append_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        epoch: Option<u64>,
        chunk: Chunk,
        body: Body,
    ) -> Result<UploadStatus> {
        let session = self.claim(repository, id, epoch, chunk.start).await?;
        let mut writer = self.open_writer(&session).await.map_err(finished)?;
        let received = self
            .receive(&session, writer.as_mut(), body, chunk.length)
            .await;
        if let Err(error @ (Error::Store(_) | Error::UploadUnknown)) = received {
            return Err(finished(error));
        }
        let state = writer.pause().await?;
        self.ports
            .uploads
            .checkpoint_upload(id, session.epoch, &state, self.now())
            .await
            .map_err(fenced)?;
        received?;
        Ok(UploadStatus {
            id,
            epoch: session.epoch,
            offset: state.offset,
        })
    }

    /// Takes the last bytes, if there are any, and makes the blob visible. A
    /// repeat of one that succeeded succeeds.
    pub async fn finish_upload(
        self: &Arc<Self>,
        target: &Target,
        id: UploadId,
        epoch: Option<u64>,
        chunk: Chunk,
        digest: Digest,
        body: Body,
    ) -> Result<()> {
        let session = match self.claim(&target.repository, id, epoch, chunk.start).await {
            Err(Error::UploadUnknown) if self.revive_if_linked(target, digest).await? => {
                return Ok(());
            }
            claimed => claimed?,
        };
        let writer = match self.open_writer(&session).await {
            Ok(mut writer) => self
                .receive(&session, writer.as_mut(), body, chunk.length)
                .await
                .map(|()| writer),
            Err(error) => Err(error),
        };
        let writer = match writer {
            Ok(writer) => Some(writer),
            // A crash or a lost answer after the object was finished, which some
            // stores find out only when they are given more.
            Err(Error::Store(StoreError::NotFound(_))) => None,
            Err(error) => return Err(error),
        };
        self.commit_upload(target, session, writer, digest).await
    }

    /// Stores a blob that comes in one request.
    pub async fn push_blob(
        self: &Arc<Self>,
        target: &Target,
        digest: Digest,
        length: Option<u64>,
        body: Body,
    ) -> Result<()> {
        let session = self
            .open_session(&target.repository, digest.algorithm())
            .await?;
        let mut writer = self
            .ports
            .blobs
            .write(session.key, session.state.clone())
            .await?;
        if let Err(error) = self.receive(&session, writer.as_mut(), body, length).await {
            drop(writer);
            self.end_session_with_object((session.id, session.epoch), session.key)
                .await?;
            return Err(error);
        }
        self.commit_upload(target, session, Some(writer), digest)
            .await
    }

    /// Completes a session's object, or finds that it is complete, and makes it
    /// visible.
    async fn commit_upload(
        self: &Arc<Self>,
        target: &Target,
        session: UploadSession,
        writer: Option<Box<dyn BlobWriter>>,
        digest: Digest,
    ) -> Result<()> {
        let (service, target) = (Arc::clone(self), target.clone());
        self.to_the_end(async move {
            let (link, size) = if let Some(mut writer) = writer {
                let link = service
                    .prepare_object_link(&target, digest, writer.as_mut())
                    .await?;
                (link, service.complete(&session, writer, digest).await)
            } else {
                let size = service.verify_finished(&session, digest).await?;
                let link = service.prepare_link(&target.repository, digest).await?;
                (link, Ok(size))
            };
            if size.is_err() {
                service.give_up_link(&target, digest, link).await;
            }
            let owner = (session.id, session.epoch);
            service
                .link_object(&target, digest, session.key, size?, owner, link)
                .await
        })
        .await
    }

    /// Opens the writer of a claimed session. A request that was overtaken
    /// between its claim and here finds out before it has changed a byte.
    async fn open_writer(&self, session: &UploadSession) -> Result<Box<dyn BlobWriter>> {
        let writer = self
            .ports
            .blobs
            .write(session.key, session.state.clone())
            .await?;
        let current = self.ports.uploads.upload(session.id).await?;
        if current.is_some_and(|current| current.epoch == session.epoch) {
            Ok(writer)
        } else {
            Err(Error::UploadUnknown)
        }
    }

    /// Feeds a body to a session's writer, and holds it to its length.
    async fn receive(
        &self,
        session: &UploadSession,
        writer: &mut dyn BlobWriter,
        mut body: Body,
        length: Option<u64>,
    ) -> Result<()> {
        let mut kept = KeepAlive::new(session);
        let mut received: u64 = 0;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| Error::UploadInvalid(error.to_string()))?;
            received += bytes.len() as u64;
            if length.is_some_and(|length| received > length) {
                let message = "the body is longer than announced".to_owned();
                return Err(Error::SizeInvalid(message));
            }
            writer.append(bytes).await?;
            self.keep_alive(&mut kept).await?;
        }
        if length.is_some_and(|length| received < length) {
            return Err(Error::SizeInvalid(
                "the body is shorter than announced".to_owned(),
            ));
        }
        Ok(())
    }

    /// Completes a session's object, or ends the session if the bytes are not
    /// the digest's.
    async fn complete(
        &self,
        session: &UploadSession,
        writer: Box<dyn BlobWriter>,
        digest: Digest,
    ) -> Result<u64> {
        match writer.finish(digest).await? {
            Finished::Stored { size } => Ok(size),
            Finished::Mismatch { actual } => {
                self.end_session_with_object((session.id, session.epoch), session.key)
                    .await?;
                Err(mismatch(digest, actual))
            }
        }
    }

    /// The size of a session's object that was finished earlier, if it is the
    /// digest's.
    async fn verify_finished(&self, session: &UploadSession, digest: Digest) -> Result<u64> {
        let size = self
            .ports
            .blobs
            .size(session.key)
            .await?
            .ok_or(Error::UploadUnknown)?;
        let actual = self
            .hash_object(session.key, size, digest.algorithm())
            .await?;
        if actual == digest {
            return Ok(size);
        }
        self.end_session_with_object((session.id, session.epoch), session.key)
            .await?;
        Err(mismatch(digest, actual))
    }

    /// Reads a whole object and hashes it.
    pub(crate) async fn hash_object(
        &self,
        key: ObjectKey,
        size: u64,
        algorithm: Algorithm,
    ) -> Result<Digest> {
        let mut hasher = berth_oci::Hasher::new(algorithm);
        let mut stream = self
            .ports
            .blobs
            .stream(
                key,
                size,
                Span {
                    start: 0,
                    end: size,
                },
            )
            .await?;
        while let Some(bytes) = stream.next().await {
            hasher.update(&bytes?);
        }
        Ok(hasher.finish())
    }

    pub(crate) async fn session(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<UploadSession> {
        if id.is_arrival() {
            return Err(Error::UploadUnknown);
        }
        let session = self
            .ports
            .uploads
            .upload(id)
            .await?
            .ok_or(Error::UploadUnknown)?;
        if session.repository == *repository {
            Ok(session)
        } else {
            Err(Error::UploadUnknown)
        }
    }

    /// Takes the session for one request, so that none before it can write any
    /// more, if the request begins where the session stands.
    async fn claim(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        epoch: Option<u64>,
        start: Option<u64>,
    ) -> Result<UploadSession> {
        let session = self.session(repository, id).await?;
        let offset = session.state.offset;
        let stale = epoch.is_some_and(|epoch| epoch != session.epoch);
        if stale || start.is_some_and(|start| start != offset) {
            return Err(Error::RangeInvalid { offset });
        }
        let now = self.now();
        self.ports
            .uploads
            .claim_upload(id, session.epoch, now)
            .await
            .map_err(|error| match error {
                StoreError::Conflict(_) => Error::RangeInvalid { offset },
                error => fenced(error),
            })
    }

    /// Ends sessions that were idle too long, up to ten thousand; returns how
    /// many.
    pub async fn sweep_uploads(&self) -> Result<usize> {
        let idle = SignedDuration::try_from(self.settings.upload_idle)
            .map_err(|_| Error::BadRequest("the idle time of uploads is too long".to_owned()))?;
        let before = self.now() - idle;
        let mut ended = 0;
        for _ in 0..SWEEP_PAGES {
            let page = self.ports.uploads.idle_uploads(before, SWEEP_PAGE).await?;
            for session in &page.items {
                self.end_session_with_object((session.id, session.epoch), session.key)
                    .await?;
            }
            ended += page.items.len();
            if !page.more {
                break;
            }
        }
        Ok(ended)
    }

    /// Deletes unfinished objects that no session owns: a power loss may keep a
    /// file and lose the session that it was begun for. Before any request is
    /// served, and by the only process that serves; returns how many.
    pub async fn discard_ownerless(&self) -> Result<usize> {
        let mut ownerless: BTreeSet<_> = self.ports.blobs.unfinished().await?.into_iter().collect();
        if ownerless.is_empty() {
            return Ok(0);
        }
        let sessions = self.ports.uploads.idle_uploads(Timestamp::MAX, ALL);
        for session in sessions.await?.items {
            ownerless.remove(&session.key);
        }
        let ownerless: Vec<_> = ownerless.into_iter().collect();
        for keys in ownerless.chunks(SWEEP_PAGE) {
            self.ports.blobs.delete(keys).await?;
        }
        Ok(ownerless.len())
    }

    /// Deletes an object that nothing names any more.
    pub async fn delete_object(&self, key: ObjectKey) -> Result<()> {
        Ok(self.ports.blobs.delete(&[key]).await?)
    }

    /// The job that sweeps idle sessions.
    pub fn sweep_uploads_job(&self) -> Envelope {
        self.envelope(Job::SweepUploads)
    }
}

fn mismatch(expected: Digest, actual: Digest) -> Error {
    Error::DigestInvalid(format!("the bytes hash to {actual}, not to {expected}"))
}

/// An object that is finished and not linked: only the same PUT can go on.
fn finished(error: Error) -> Error {
    match error {
        Error::Store(StoreError::NotFound(_)) => Error::UploadUnknown,
        error => error,
    }
}

/// A session that another request claimed or ended is unknown to this one.
fn fenced(error: StoreError) -> Error {
    match error {
        StoreError::Conflict(_) | StoreError::NotFound(_) => Error::UploadUnknown,
        error => error.into(),
    }
}
