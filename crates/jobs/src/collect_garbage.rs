//! Does a garbage collection that somebody or the schedule started.

use berth_domain::RunId;
use berth_service::Service;

use crate::JobError;

pub(crate) async fn handle(service: &Service, run: RunId) -> Result<(), JobError> {
    Ok(service.collect_garbage(run).await?)
}
