//! Deletes an object that nothing names any more.

use berth_domain::ObjectKey;
use berth_service::Service;

use crate::JobError;

pub(crate) async fn handle(service: &Service, key: ObjectKey) -> Result<(), JobError> {
    Ok(service.delete_object(key).await?)
}
