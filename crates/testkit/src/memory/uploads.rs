//! Upload sessions.

use async_trait::async_trait;
use berth_domain::{Envelope, Page, UploadId, UploadSession, WriteState};
use berth_ports::{StoreError, StoreResult, UploadStore};
use jiff::Timestamp;

use super::{MemoryStore, State, conflict, ensure, not_found, page};

impl State {
    /// The session, if it is at this epoch.
    fn session_at(&mut self, id: UploadId, epoch: u64) -> StoreResult<&mut UploadSession> {
        let session = self.uploads.get_mut(&id).ok_or_else(|| not_found(&id))?;
        ensure(session.epoch == epoch, || conflict(&id))?;
        Ok(session)
    }
}

#[async_trait]
impl UploadStore for MemoryStore {
    async fn create_upload(&self, session: &UploadSession) -> StoreResult<()> {
        let mut state = self.state();
        ensure(!state.uploads.contains_key(&session.id), || {
            StoreError::AlreadyExists(format!("upload session {}", session.id))
        })?;
        state.uploads.insert(session.id, session.clone());
        Ok(())
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<UploadSession>> {
        Ok(self.state().uploads.get(&id).cloned())
    }

    async fn claim_upload(
        &self,
        id: UploadId,
        epoch: u64,
        now: Timestamp,
    ) -> StoreResult<UploadSession> {
        let mut state = self.state();
        let session = state.session_at(id, epoch)?;
        session.epoch += 1;
        session.touched_at = now;
        Ok(session.clone())
    }

    async fn checkpoint_upload(
        &self,
        id: UploadId,
        epoch: u64,
        state: &WriteState,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut records = self.state();
        let session = records.session_at(id, epoch)?;
        session.state = state.clone();
        session.touched_at = now;
        Ok(())
    }

    async fn touch_upload(&self, id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()> {
        self.state().session_at(id, epoch)?.touched_at = now;
        Ok(())
    }

    async fn delete_upload(&self, id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()> {
        let mut state = self.state();
        state.session_at(id, epoch)?;
        state.uploads.remove(&id);
        state.send(jobs, self.clock.now());
        Ok(())
    }

    async fn idle_uploads(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Page<UploadSession>> {
        let state = self.state();
        let mut idle: Vec<_> = state
            .uploads
            .values()
            .filter(|session| session.touched_at < before)
            .collect();
        idle.sort_by_key(|session| session.touched_at);
        Ok(page(idle.into_iter().cloned(), limit))
    }
}
