//! Upload sessions.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{Envelope, Page, UploadId, UploadSession, WriteState};
use jiff::Timestamp;

use crate::StoreResult;

/// Upload sessions.
///
/// # Contract
/// Each method is one atomic transition; reads are strong. Whoever holds an
/// epoch that is no longer the session's can change nothing.
///
/// What [`create_upload`](Self::create_upload),
/// [`claim_upload`](Self::claim_upload) and
/// [`checkpoint_upload`](Self::checkpoint_upload) wrote survives the process,
/// and it survives a power loss if anything written later in the same store
/// does, or once [`touch_upload`](Self::touch_upload) has returned.
#[async_trait]
pub trait UploadStore: Debug + Send + Sync + 'static {
    /// Stores a new session; `AlreadyExists` if there is one of this id.
    async fn create_upload(&self, session: &UploadSession) -> StoreResult<()>;

    /// The session.
    async fn upload(&self, id: UploadId) -> StoreResult<Option<UploadSession>>;

    /// Raises the epoch by one if it is `epoch`, sets `touched_at`, and returns
    /// the session as it is then; `Conflict` if it is another by now,
    /// `NotFound` if it is gone.
    async fn claim_upload(
        &self,
        id: UploadId,
        epoch: u64,
        now: Timestamp,
    ) -> StoreResult<UploadSession>;

    /// Stores how far the write has come if the epoch is still `epoch`, else
    /// `Conflict`; `NotFound` if it is gone.
    async fn checkpoint_upload(
        &self,
        id: UploadId,
        epoch: u64,
        state: &WriteState,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Sets `touched_at` if the epoch is still `epoch`, else `Conflict`;
    /// `NotFound` if it is gone. For requests that take long. The session is
    /// durable then.
    async fn touch_upload(&self, id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()>;

    /// Deletes a session if its epoch is still `epoch`, with `jobs` for the
    /// outbox (its object goes by one of them), else `Conflict`; `NotFound` if
    /// it is gone.
    async fn delete_upload(&self, id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()>;

    /// Sessions that nobody touched since `before`, the longest-idle first.
    async fn idle_uploads(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Page<UploadSession>>;
}
