//! What a failure of a service means to the caller of a port.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use berth_ports::StoreError;

/// A call that the service did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {reason}")]
pub struct CallFailed {
    operation: &'static str,
    /// The service's own name of what went wrong, if it answered.
    code: Option<String>,
    reason: String,
}

/// The service's own name of what went wrong, if it answered.
pub(crate) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
}

/// The failure of a call that the SDK has already repeated where that helps.
pub(crate) fn failed<E>(operation: &'static str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    StoreError::unavailable(call_failed(operation, error))
}

/// The same where no port is called.
pub(crate) fn call_failed<E>(operation: &'static str, error: &SdkError<E>) -> CallFailed
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = code(error).or_else(|| code_of_head(error));
    let reason = match error.as_service_error() {
        Some(service) => {
            let code = code.unwrap_or("an unknown error");
            let message = service.message().unwrap_or_default();
            let request = error.request_id().unwrap_or("unknown");
            format!("{code}: {message} (request {request})")
        }
        None => chain(error),
    };
    CallFailed {
        operation,
        code: code.map(str::to_owned),
        reason,
    }
}

/// What stands for a name where an answer has no body that could have one.
fn code_of_head<E>(error: &SdkError<E>) -> Option<&'static str> {
    let status = error.raw_response()?.status().as_u16();
    (status == 403).then_some("AccessDenied")
}

/// Which call a failure is of, and the service's own name of what went wrong,
/// if it answered.
pub(crate) fn call_of(error: &StoreError) -> Option<(&'static str, Option<&str>)> {
    let StoreError::Unavailable(source) = error else {
        return None;
    };
    let call = source.downcast_ref::<CallFailed>()?;
    Some((call.operation, call.code.as_deref()))
}

/// The failure of a call for a reason of our own.
pub(crate) fn unavailable(operation: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::unavailable(CallFailed {
        operation,
        code: None,
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
