//! Ends uploads that nobody continues.

use berth_service::Service;

use crate::JobError;

pub(crate) async fn handle(service: &Service) -> Result<(), JobError> {
    let ended = service.sweep_uploads().await?;
    if ended > 0 {
        tracing::info!(ended, "idle uploads ended");
    }
    Ok(())
}
