//! One blob's way from upstream into the store.

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{LinkId, ObjectKey, RegistryId, Remote, UploadSession};
use berth_oci::Digest;
use berth_ports::{
    BlobWriter, FetchedBlob, Finished, UpstreamError, UpstreamResult, UpstreamStream,
};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;

use crate::error::{Error, Result};
use crate::proxy::absence::Asked;
use crate::proxy::fills::{Growth, Phase, Progress};
use crate::proxy::remote::upstream_name;
use crate::service::{Service, Target};

/// How often the upstream may break off in a row.
const BREAKS: u32 = 5;
/// After so many bytes more, earlier breaks are forgotten.
const FORGIVEN: u64 = 1024 * 1024;
/// The wait after the first break; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);

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
            Ok((key, size)) => Phase::Held { key, size },
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

    async fn fetch(&self) -> Result<(ObjectKey, u64)> {
        // An earlier fill may have ended since the caller looked.
        if let Some(held) = self.held().await? {
            return Ok(held);
        }
        let remote = self.service.remote(self.registry).await?;
        if self.link_shared(&remote).await?
            && let Some(held) = self.held().await?
        {
            return Ok(held);
        }
        let source = Source {
            fill: self,
            remote: &remote,
            breaks: 0,
            progress: 0,
        };
        let body = source.open(0).await.map_err(|error| self.note(error))?;
        self.store(source, body).await
    }

    async fn held(&self) -> Result<Option<(ObjectKey, u64)>> {
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
    /// is linked: should this process die, the sweep of idle sessions finds it.
    async fn store(&self, source: Source<'_>, body: FetchedBlob) -> Result<(ObjectKey, u64)> {
        let service = &self.service;
        let repository = &self.target.repository;
        let session = service
            .open_session(repository, self.digest.algorithm())
            .await?;
        let owner = (session.id, session.epoch);
        let (link, size) = match self.write(source, body, &session).await {
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
    ) -> Result<(LinkId, u64)> {
        let size = body.size;
        let blobs = &self.service.ports.blobs;
        let mut writer = blobs.write(session.key, session.state.clone()).await?;
        let growth = size.filter(|size| *size > 0).zip(writer.follow());
        let show = |verified| {
            if let Some((size, view)) = growth.clone() {
                self.progress.show(Phase::Growing(Growth {
                    size,
                    view,
                    verified,
                }));
            }
        };
        show(false);
        source.copy(body, writer.as_mut(), size).await?;
        let actual = writer.digest().await?;
        if actual != self.digest {
            let what = format!("the bytes of blob {} hash to {actual}", self.digest);
            return Err(invalid(what).into());
        }
        // Nobody who follows has to wait for the disk.
        show(true);
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
}

/// The upstream's side of a fill: goes on where it broke off.
struct Source<'a> {
    fill: &'a Fill,
    remote: &'a Remote,
    /// Breaks since there was progress.
    breaks: u32,
    /// The offset up to which breaks are forgiven.
    progress: u64,
}

impl Source<'_> {
    async fn open(&self, offset: u64) -> UpstreamResult<FetchedBlob> {
        let name = upstream_name(&self.fill.target)
            .map_err(|error| UpstreamError::Invalid(error.to_string()))?;
        let upstream = &self.fill.service.ports.upstream;
        let body = upstream
            .get_blob(self.remote, name, self.fill.digest, offset)
            .await?;
        if body.start > offset {
            return Err(invalid(
                "a range begins behind what was asked for".to_owned(),
            ));
        }
        Ok(body)
    }

    /// Copies the whole blob.
    async fn copy(
        &mut self,
        body: FetchedBlob,
        writer: &mut dyn BlobWriter,
        size: Option<u64>,
    ) -> Result<()> {
        let mut body = body;
        loop {
            let skip = writer.offset() - body.start;
            let broken = match copy_stream(body.stream, skip, writer, size).await? {
                Ok(()) if size.is_none_or(|size| writer.offset() == size) => return Ok(()),
                Ok(()) => UpstreamError::Unreachable("it ended before its end".to_owned()),
                Err(error) => error,
            };
            body = self.resume(broken, writer.offset()).await?;
            if size.is_some() && body.size.is_some() && body.size != size {
                return Err(invalid("a blob changed its size".to_owned()).into());
            }
        }
    }

    /// Opens the rest after a break; the failure once it broke too often.
    async fn resume(&mut self, broken: UpstreamError, offset: u64) -> Result<FetchedBlob> {
        let mut broken = broken;
        loop {
            if offset >= self.progress + FORGIVEN {
                self.breaks = 0;
                self.progress = offset;
            }
            if !may_pass(&broken) || self.breaks == BREAKS {
                return Err(broken.into());
            }
            tracing::info!(
                repository = %self.fill.target.repository, digest = %self.fill.digest, offset,
                error = %broken, "upstream broke off, going on from there"
            );
            self.fill
                .service
                .ports
                .clock
                .sleep(PAUSE * 2_u32.pow(self.breaks))
                .await;
            self.breaks += 1;
            match self.open(offset).await {
                Ok(body) => return Ok(body),
                Err(error) => broken = error,
            }
        }
    }
}

/// Copies a stream without its first `skip` bytes. The inner failure is the
/// upstream's.
async fn copy_stream(
    mut stream: UpstreamStream,
    mut skip: u64,
    writer: &mut dyn BlobWriter,
    size: Option<u64>,
) -> Result<UpstreamResult<()>> {
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => without_first(chunk, &mut skip),
            Err(error) => return Ok(Err(error)),
        };
        if size.is_some_and(|size| writer.offset() + chunk.len() as u64 > size) {
            return Ok(Err(invalid("a blob is longer than it said".to_owned())));
        }
        if !chunk.is_empty() {
            writer.append(chunk).await?;
        }
    }
    Ok(Ok(()))
}

fn without_first(mut chunk: Bytes, skip: &mut u64) -> Bytes {
    let skipped = usize::try_from(*skip)
        .unwrap_or(usize::MAX)
        .min(chunk.len());
    chunk.advance(skipped);
    *skip -= skipped as u64;
    chunk
}

/// Whether the same request may succeed a moment later.
fn may_pass(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Unreachable(_) | UpstreamError::Timeout => true,
        UpstreamError::Status { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

const fn invalid(what: String) -> UpstreamError {
    UpstreamError::Invalid(what)
}
