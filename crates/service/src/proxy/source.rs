//! The upstream's side of a fill: goes on where it broke off.

use std::time::Duration;

use berth_domain::Remote;
use berth_ports::{FetchedBlob, UpstreamError, UpstreamResult, UpstreamStream};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;

use crate::error::Result;
use crate::proxy::fill::Fill;
use crate::proxy::remote::upstream_name;
use crate::proxy::sink::Sink;

/// How often the upstream may break off in a row.
const BREAKS: u32 = 5;
/// After so many bytes more, earlier breaks are forgotten.
const FORGIVEN: u64 = 1024 * 1024;
/// The wait after the first break; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a blob comes from.
pub(super) struct Source<'a> {
    fill: &'a Fill,
    remote: &'a Remote,
    /// Breaks since there was progress.
    breaks: u32,
    /// The offset up to which breaks are forgiven.
    progress: u64,
}

impl<'a> Source<'a> {
    pub(super) const fn new(fill: &'a Fill, remote: &'a Remote) -> Self {
        Self {
            fill,
            remote,
            breaks: 0,
            progress: 0,
        }
    }

    /// Asks for the blob from `offset` on; it may begin before.
    pub(super) async fn open(&self, offset: u64) -> UpstreamResult<FetchedBlob> {
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

    /// Copies the whole rest of the blob.
    pub(super) async fn copy(
        &mut self,
        body: FetchedBlob,
        sink: &mut Sink<'_>,
        size: Option<u64>,
    ) -> Result<()> {
        let mut body = body;
        loop {
            let skip = sink.position() - body.start;
            let broken = match copy_stream(body.stream, skip, sink, size).await? {
                Ok(()) if size.is_none_or(|size| sink.position() == size) => return Ok(()),
                Ok(()) => UpstreamError::Unreachable("it ended before its end".to_owned()),
                Err(error) => error,
            };
            body = self.resume(broken, sink.position()).await?;
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
    sink: &mut Sink<'_>,
    size: Option<u64>,
) -> Result<UpstreamResult<()>> {
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => without_first(chunk, &mut skip),
            Err(error) => return Ok(Err(error)),
        };
        if size.is_some_and(|size| sink.position() + chunk.len() as u64 > size) {
            return Ok(Err(invalid("a blob is longer than it said".to_owned())));
        }
        if !chunk.is_empty() {
            sink.append(chunk).await?;
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

/// The failure of an upstream that answered what no registry may answer.
pub(super) const fn invalid(what: String) -> UpstreamError {
    UpstreamError::Invalid(what)
}
