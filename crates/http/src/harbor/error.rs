//! Failures to responses of Harbor's API: the one place that decides status
//! and code.

use axum::Json;
use axum::response::{IntoResponse, Response};
use berth_harbor_api::{ErrorCode, Errors, ParameterError};
use berth_ports::StoreError;
use berth_service::Error;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// A failure as Harbor's API tells it.
#[derive(Debug)]
pub(crate) struct HarborError {
    code: ErrorCode,
    message: String,
    header: Option<(HeaderName, String)>,
}

impl HarborError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            header: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// A value that is not of the swagger's type or within its bounds.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::UnprocessableEntity, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(ErrorCode::MethodNotAllowed, "the route has no such method")
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthorized, "authentication is required")
            .with(WWW_AUTHENTICATE, "Basic realm=\"harbor\"")
    }

    pub(super) fn forbidden() -> Self {
        Self::new(ErrorCode::Forbidden, "the operation is not permitted")
    }

    fn with(self, name: HeaderName, value: impl Into<String>) -> Self {
        Self {
            header: Some((name, value.into())),
            ..self
        }
    }
}

impl From<ParameterError> for HarborError {
    fn from(error: ParameterError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Error> for HarborError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::BlobUnknown(_)
            | Error::UploadUnknown
            | Error::ManifestUnknown(_)
            | Error::NameUnknown(_)
            | Error::NotFound(_) => Self::not_found(message),
            Error::DigestInvalid(_) => Self::new(ErrorCode::DigestInvalid, message),
            Error::ManifestInvalid(_) | Error::ManifestBlobUnknown(_) => {
                Self::new(ErrorCode::ManifestInvalid, message)
            }
            Error::UploadInvalid(_)
            | Error::RangeInvalid { .. }
            | Error::SizeInvalid(_)
            | Error::BadRequest(_) => Self::bad_request(message),
            Error::Unsupported(_) => Self::new(ErrorCode::Unsupported, message),
            Error::TooLarge(_) => Self::new(ErrorCode::RequestEntityTooLarge, message),
            Error::Unauthorized => Self::unauthorized(),
            Error::Forbidden(_) => Self::new(ErrorCode::Forbidden, message),
            Error::Conflict(_) => Self::new(ErrorCode::Conflict, message),
            Error::PreconditionFailed(_) => Self::new(ErrorCode::Precondition, message),
            Error::SlowDown { seconds } => {
                Self::new(ErrorCode::TooManyRequest, message).with(RETRY_AFTER, seconds.to_string())
            }
            Error::Busy => Self::new(ErrorCode::ServiceUnavailable, message).with(RETRY_AFTER, "1"),
            Error::Store(error) => store(&error),
            other => internal(&other),
        }
    }
}

fn store(error: &StoreError) -> HarborError {
    let message = error.to_string();
    match error {
        StoreError::NotFound(_) => HarborError::not_found(message),
        StoreError::AlreadyExists(_) | StoreError::Conflict(_) => {
            HarborError::new(ErrorCode::Conflict, message)
        }
        StoreError::InUse(_) => HarborError::new(ErrorCode::Precondition, message),
        StoreError::Unavailable(source) => {
            tracing::error!(%error, %source, "store failed");
            HarborError::new(ErrorCode::ServiceUnavailable, message).with(RETRY_AFTER, "1")
        }
        error => internal(error),
    }
}

/// What went wrong inside is for the log, not for the client.
pub(super) fn internal(error: &dyn std::error::Error) -> HarborError {
    tracing::error!(%error, "request failed");
    HarborError::new(ErrorCode::Unknown, "")
}

impl IntoResponse for HarborError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = if status.is_server_error() {
            Errors::internal()
        } else {
            Errors::one(self.code, self.message)
        };
        let mut response = (status, Json(body)).into_response();
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
