//! What a failure of a service means to the caller of a port.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use berth_ports::StoreError;

/// A call that the service did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {reason}")]
struct CallFailed {
    operation: &'static str,
    reason: String,
}

/// The service's own name of what went wrong, if it answered.
pub(crate) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// The failure of a call that the SDK has already repeated where that helps.
pub(crate) fn failed<E, R>(operation: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: RequestId,
{
    let reason = match error.as_service_error() {
        Some(service) => {
            let code = service.code().unwrap_or("an unknown error");
            let message = service.message().unwrap_or_default();
            let request = error.request_id().unwrap_or("unknown");
            format!("{code}: {message} (request {request})")
        }
        None => chain(error),
    };
    unavailable(operation, reason)
}

/// The failure of a call for a reason of our own.
pub(crate) fn unavailable(operation: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::unavailable(CallFailed {
        operation,
        reason: reason.into(),
    })
}

/// An error and its causes as one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
