//! One blob's way from upstream into the store.
//!
//! Of all instances one holds the lease on it and fetches; the others follow
//! what comes in there. See `docs/architecture.md`.

use std::collections::HashSet;
use std::sync::Arc;

use berth_domain::{LeaseName, LinkId, ObjectKey, RegistryId, Remote, UploadSession};
use berth_oci::Digest;
use berth_ports::{FetchedBlob, Finished, Growing, StoreError, UpstreamError};

use crate::error::{Error, Result};
use crate::proxy::absence::Asked;
use crate::proxy::copy::Copy;
use crate::proxy::fills::{Growth, Phase, Progress};
use crate::proxy::lease::{Taken, Tenure};
use crate::proxy::remote::upstream_name;
use crate::proxy::sink::{Sink, first_needed};
use crate::proxy::source::{Source, invalid};
use crate::service::{Service, Target};

/// How often this instance may lose the lease on one blob.
const LOSSES: u32 = 5;

/// An object that a repository has: where, and of how many bytes.
type Held = (ObjectKey, u64);

/// The task that fetches a blob for all who wait for it.
pub(super) struct Fill {
    pub(super) service: Arc<Service>,
    pub(super) target: Target,
    pub(super) registry: RegistryId,
    pub(super) digest: Digest,
    pub(super) progress: Progress,
}

impl Fill {
    /// Fetches the blob, and says how that ended.
    pub(super) async fn run(self) {
        let _turn = self.progress.turn().await;
        let phase = match self.fetch().await {
            Ok(((key, size), followed)) => Phase::Held {
                key,
                size,
                followed,
            },
            Err(error) => {
                tracing::warn!(
                    repository = %self.target.repository, digest = %self.digest, %error,
                    "blob not fetched from upstream"
                );
                Phase::Failed(error.into())
            }
        };
        self.progress.show(phase);
    }

    /// The blob, and whether those who followed it have the same.
    async fn fetch(&self) -> Result<(Held, bool)> {
        let mut copy = Copy::default();
        let held = self.fetch_or_follow(&mut copy).await?;
        let blobs = &*self.service.ports.blobs;
        let settled = copy.settle(blobs, held, self.digest).await;
        let followed = settled.unwrap_or_else(|error| {
            tracing::warn!(digest = %self.digest, %error, "those who follow a blob are cut off");
            false
        });
        Ok((held, followed))
    }

    async fn fetch_or_follow(&self, copy: &mut Copy) -> Result<Held> {
        let name = LeaseName::blob(&self.target.repository, self.digest);
        let (mut gone, mut left, mut losses) = (None, HashSet::new(), 0);
        loop {
            match self.service.take_lease(&name, gone.take()).await? {
                Taken::Ours(tenure) => {
                    let done = tenure.during(self.fetch_alone(&tenure, copy)).await;
                    // One that was lost, or has expired, is left with what it
                    // says to whoever takes it.
                    if !matches!(done, Ok(None)) {
                        tenure.end().await;
                    }
                    match done {
                        Ok(Some(held)) => return Ok(held),
                        Err(error) if losses == LOSSES || !is_loss(&error) => return Err(error),
                        Ok(None) if losses == LOSSES => return Err(Error::UploadUnknown),
                        Ok(None) | Err(_) => losses += 1,
                    }
                }
                Taken::Theirs(lease) => {
                    gone = self.follow(&lease, copy, &mut left).await?;
                    if let Some(held) = self.held().await? {
                        return Ok(held);
                    }
                }
            }
        }
    }

    /// Fetches the blob under a lease.
    async fn fetch_alone(&self, tenure: &Tenure, copy: &mut Copy) -> Result<Held> {
        // An earlier fill may have ended since the caller looked.
        if let Some(held) = self.held().await? {
            return Ok(held);
        }
        let remote = self.service.remote(self.registry).await?;
        copy.comes_from(tenure.id());
        let source = Source::new(self, &remote);
        if let Some(session) = self.left_session(tenure).await? {
            let offset = first_needed(&session, copy);
            let body = source
                .open(offset)
                .await
                .map_err(|error| self.note(error))?;
            match self.store(source, body, session, copy).await {
                // Its object is gone, or finished: it cannot be gone on with.
                Err(Error::Store(StoreError::NotFound(_) | StoreError::Corrupt(_))) => {}
                stored => return stored,
            }
        }
        if self.link_shared(&remote).await?
            && let Some(held) = self.held().await?
        {
            return Ok(held);
        }
        let source = Source::new(self, &remote);
        let body = source.open(0).await.map_err(|error| self.note(error))?;
        let (repository, algorithm) = (&self.target.repository, self.digest.algorithm());
        let session = self.service.open_session(repository, algorithm).await?;
        if !tenure.announce(session.id).await? {
            let owner = (session.id, session.epoch);
            self.service
                .end_session_with_object(owner, session.key)
                .await?;
            return Err(Error::UploadUnknown);
        }
        self.store(source, body, session, copy).await
    }

    /// The session of a holder that is gone, claimed; `None` if there is none.
    async fn left_session(&self, tenure: &Tenure) -> Result<Option<UploadSession>> {
        let Some(id) = tenure.left() else {
            return Ok(None);
        };
        let uploads = &self.service.ports.uploads;
        let Some(left) = uploads.upload(id).await? else {
            return Ok(None);
        };
        match uploads
            .claim_upload(id, left.epoch, self.service.now())
            .await
        {
            // What was sent of it, if anything, is known to nobody: its
            // object's deletion finds it.
            Ok(session) if session.state.offset == 0 => {
                let owner = (session.id, session.epoch);
                self.service
                    .end_session_with_object(owner, session.key)
                    .await?;
                Ok(None)
            }
            Ok(session) => {
                tracing::info!(
                    repository = %self.target.repository, digest = %self.digest,
                    offset = session.state.offset, "going on with another instance's fetch"
                );
                Ok(Some(session))
            }
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn held(&self) -> Result<Option<Held>> {
        let link = self.service.link(&self.target, self.digest).await?;
        Ok(link.map(|link| (link.key, link.size)))
    }

    /// Links a blob that is stored already, for another repository, if the
    /// upstream says that this one has it too, and its size: who knows a digest
    /// does not thereby get the bytes.
    async fn link_shared(&self, remote: &Remote) -> Result<bool> {
        let Some(blob) = self.service.ports.links.blob(self.digest).await? else {
            return Ok(false);
        };
        let name = upstream_name(&self.target)?;
        let head = self
            .service
            .ports
            .upstream
            .head_blob(remote, name, self.digest)
            .await;
        let size = head.map_err(|error| self.note(error))?;
        if size != Some(blob.size) {
            return Ok(false);
        }
        self.service.link_existing(&self.target, self.digest).await
    }

    fn note(&self, error: UpstreamError) -> Error {
        self.service
            .note_absence(&self.target, Asked::Blob(self.digest), &error);
        error.into()
    }

    /// Writes the blob under an upload session, which owns the object until it
    /// is linked: should this process die and no other go on, the sweep of idle
    /// sessions finds it.
    async fn store(
        &self,
        source: Source<'_>,
        body: FetchedBlob,
        session: UploadSession,
        copy: &mut Copy,
    ) -> Result<Held> {
        let service = &self.service;
        let owner = (session.id, session.epoch);
        let (link, size) = match self.write(source, body, &session, copy).await {
            Ok(written) => written,
            Err(error) => {
                // Should this fail too, the sweep of idle sessions does it.
                if let Err(error) = service.end_session_with_object(owner, session.key).await {
                    tracing::warn!(session = %session.id, %error, "failed fill not cleaned up yet");
                }
                return Err(error);
            }
        };
        service
            .link_object(&self.target, self.digest, session.key, size, owner, link)
            .await?;
        // Another's object may have become the blob meanwhile.
        self.held().await?.ok_or(Error::BlobUnknown(self.digest))
    }

    async fn write(
        &self,
        mut source: Source<'_>,
        body: FetchedBlob,
        session: &UploadSession,
        copy: &mut Copy,
    ) -> Result<(LinkId, u64)> {
        let size = self.agreed_size(copy, &body)?;
        let blobs = &self.service.ports.blobs;
        let mut writer = blobs.write(session.key, session.state.clone()).await?;
        let own_view = writer.follow();
        // A store that shows what is unfinished is this instance's alone.
        let is_shared = own_view.is_none();
        if is_shared && session.state.offset == 0 {
            copy.begin(&self.service).await;
        }
        if session.state.offset > 0 || copy.length().is_some_and(|length| length > 0) {
            // The hash has bytes of the store that the copy may have otherwise.
            copy.mix();
        }
        let view = own_view.or_else(|| copy.view());
        let shown = size.zip(view);
        self.show(shown.as_ref(), true, false);
        let mut sink = Sink::new(&self.service, session, writer.as_mut(), copy, is_shared);
        source.copy(body, &mut sink, size).await?;
        let actual = writer.digest().await?;
        if actual != self.digest {
            let what = format!("the bytes of blob {} hash to {actual}", self.digest);
            return Err(invalid(what).into());
        }
        self.check_copy(copy).await?;
        // Nobody who follows has to wait for the disk.
        if !copy.is_lost() {
            self.show(shown.as_ref(), true, true);
        }
        let service = &self.service;
        let (target, digest) = (&self.target, self.digest);
        let link = service
            .prepare_object_link(target, digest, writer.as_mut())
            .await?;
        let error = match writer.finish(digest).await {
            Ok(Finished::Stored { size }) => return Ok((link, size)),
            // It was verified above.
            Ok(Finished::Mismatch { .. }) => Error::BlobUnknown(digest),
            Err(error) => error.into(),
        };
        service.give_up_link(target, digest, link).await;
        Err(error)
    }

    /// The blob's size, which clients were told already if there is a copy.
    pub(super) fn agreed_size(&self, copy: &mut Copy, body: &FetchedBlob) -> Result<Option<u64>> {
        if copy.agrees(body.size) {
            return Ok(copy.size());
        }
        Err(invalid(format!("blob {} changed its size", self.digest)).into())
    }

    /// Nobody may be told that a copy is whole whose bytes are wrong.
    pub(super) async fn check_copy(&self, copy: &mut Copy) -> Result<()> {
        if copy.verify(self.digest).await? {
            return Ok(());
        }
        let what = format!(
            "instances were sent different bytes of blob {}",
            self.digest
        );
        Err(invalid(what).into())
    }

    /// Shows those who follow what there is of the blob; an empty one has
    /// nothing to show.
    pub(super) fn show(
        &self,
        shown: Option<&(u64, Arc<dyn Growing>)>,
        is_ours: bool,
        verified: bool,
    ) {
        let Some((size, view)) = shown.filter(|(size, _)| *size > 0) else {
            return;
        };
        self.progress.show(Phase::Growing(Growth {
            size: *size,
            view: Arc::clone(view),
            is_ours,
            verified,
        }));
    }
}

/// Whether a fetch failed because another instance has taken it over.
const fn is_loss(error: &Error) -> bool {
    matches!(
        error,
        Error::UploadUnknown | Error::Store(StoreError::NotFound(_))
    )
}
