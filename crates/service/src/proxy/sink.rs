//! Where a fill's bytes go: into the store, and into the copy that this
//! instance's clients read, if there is one.
//!
//! A fill that was taken over goes on from a checkpoint, which may be before or
//! behind what its copy has. So each takes from what comes what it has not.

use berth_domain::UploadSession;
use berth_ports::{BlobWriter, StoreError};
use bytes::{Buf, Bytes};

use crate::error::{Error, Result};
use crate::proxy::copy::Copy;
use crate::service::Service;

/// After how many bytes it is looked how far the store is,
const LOOK: u64 = 1024 * 1024;
/// and after how many that is recorded: a takeover fetches so many again, and
/// what is on its way to the store.
const CHECKPOINT: u64 = 8 * 1024 * 1024;

/// Where the bytes go.
pub(super) struct Sink<'a> {
    service: &'a Service,
    session: &'a UploadSession,
    writer: &'a mut dyn BlobWriter,
    copy: &'a mut Copy,
    /// The offset of the next byte that comes.
    position: u64,
    /// How far the session's record is; `None` if nobody could go on from there.
    recorded: Option<u64>,
    /// How far the writer was at the last look.
    looked: u64,
}

impl<'a> Sink<'a> {
    /// Bytes will come from [`first_needed`] on. `checkpoints`: whether another
    /// instance could go on with the session.
    pub(super) fn new(
        service: &'a Service,
        session: &'a UploadSession,
        writer: &'a mut dyn BlobWriter,
        copy: &'a mut Copy,
        checkpoints: bool,
    ) -> Self {
        Self {
            service,
            session,
            position: first_needed(session, copy),
            recorded: checkpoints.then_some(session.state.offset),
            looked: session.state.offset,
            writer,
            copy,
        }
    }

    /// The offset of the next byte that is to come.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Takes the bytes at [`position`](Self::position).
    pub(super) async fn append(&mut self, bytes: Bytes) -> Result<()> {
        let begin = self.position;
        self.position += bytes.len() as u64;
        if let Some(length) = self.copy.length() {
            self.copy.append(behind(&bytes, begin, length)).await;
        }
        let new = behind(&bytes, begin, self.writer.offset());
        if new.is_empty() {
            return Ok(());
        }
        self.writer.append(new).await?;
        self.record().await
    }

    /// Records how far the store is, for whoever takes over.
    async fn record(&mut self) -> Result<()> {
        let offset = self.writer.offset();
        let Some(recorded) = self.recorded.filter(|_| offset >= self.looked + LOOK) else {
            return Ok(());
        };
        self.looked = offset;
        let state = self.writer.checkpoint().await?;
        // The record grows with the parts: so do the steps.
        if state.offset < recorded + CHECKPOINT.max(recorded / 16) {
            return Ok(());
        }
        let UploadSession { id, epoch, .. } = *self.session;
        let uploads = &self.service.ports.uploads;
        let now = self.service.now();
        match uploads.checkpoint_upload(id, epoch, &state, now).await {
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Err(Error::UploadUnknown),
            Ok(()) => {
                self.recorded = Some(state.offset);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(session = %id, %error, "a takeover would begin further back");
                Ok(())
            }
        }
    }
}

/// The first byte that the store, or the copy if there is one, has not.
pub(super) fn first_needed(session: &UploadSession, copy: &Copy) -> u64 {
    let stored = session.state.offset;
    copy.length().map_or(stored, |length| stored.min(length))
}

/// Of bytes that begin at `begin`, those from `offset` on.
fn behind(bytes: &Bytes, begin: u64, offset: u64) -> Bytes {
    let known = usize::try_from(offset.saturating_sub(begin)).unwrap_or(usize::MAX);
    let mut bytes = bytes.clone();
    bytes.advance(known.min(bytes.len()));
    bytes
}
