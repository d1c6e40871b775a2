//! Blocking calls and their errors.

use std::io;

use berth_ports::{StoreError, StoreResult};
use tokio::task;

/// Runs `work` where it may block; it runs to its end even if the caller goes.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    task::spawn_blocking(work)
        .await
        .map_err(StoreError::unavailable)?
}

/// What a failed file operation means to the caller of a store.
pub(super) fn store_error(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::unavailable(error),
    }
}
