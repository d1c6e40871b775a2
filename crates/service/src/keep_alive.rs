//! Sessions of requests that take long are not idle.

use berth_domain::{UploadId, UploadSession};
use berth_ports::StoreError;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::service::Service;

/// When a session that a request feeds was last touched.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    id: UploadId,
    epoch: u64,
    touched_at: Timestamp,
}

impl KeepAlive {
    /// For a session as it was claimed or opened.
    pub(crate) const fn new(session: &UploadSession) -> Self {
        Self {
            id: session.id,
            epoch: session.epoch,
            touched_at: session.touched_at,
        }
    }
}

impl Service {
    /// Touches the session if a quarter of its idle time has gone by;
    /// [`Error::UploadUnknown`] if another request has it now, or it is gone.
    pub(crate) async fn keep_alive(&self, kept: &mut KeepAlive) -> Result<()> {
        let now = self.now();
        let due =
            SignedDuration::try_from(self.settings.upload_idle / 4).unwrap_or(SignedDuration::MAX);
        if now.duration_since(kept.touched_at) < due {
            return Ok(());
        }
        kept.touched_at = now;
        match self
            .ports
            .uploads
            .touch_upload(kept.id, kept.epoch, now)
            .await
        {
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Err(Error::UploadUnknown),
            touched => Ok(touched?),
        }
    }
}
