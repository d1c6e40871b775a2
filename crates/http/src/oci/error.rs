//! Failures to responses of the distribution API: the one place that decides
//! status and code.

use axum::response::{IntoResponse, Response};
use berth_oci::{ErrorBody, ErrorCode, RouteError};
use berth_ports::{StoreError, UpstreamError};
use berth_service::Error;
use http::StatusCode;
use http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde_json::{Value, json};

/// A failure as the distribution API tells it.
#[derive(Debug)]
pub(crate) struct OciError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    detail: Option<Value>,
    headers: Vec<(HeaderName, String)>,
}

impl OciError {
    fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            headers: Vec::new(),
        }
    }

    fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code.default_status(), code, message)
    }

    /// A manifest that is over the limit.
    pub(super) fn manifest_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::ManifestInvalid,
            "a manifest has at most 4 MiB",
        )
    }

    fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The failure of a request for a blob: an upstream's 404 does not say what
    /// it is about.
    pub(super) fn of_blob(self) -> Self {
        match self.code {
            ErrorCode::ManifestUnknown => Self {
                code: ErrorCode::BlobUnknown,
                ..self
            },
            _ => self,
        }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn with_challenge(self, challenge: Option<String>) -> Self {
        match challenge {
            Some(challenge) => self.header(WWW_AUTHENTICATE, challenge),
            None => self,
        }
    }
}

impl From<RouteError> for OciError {
    fn from(error: RouteError) -> Self {
        let failure = Self::new(error.status(), error.code(), error.to_string());
        match error {
            RouteError::MethodNotAllowed { allow } => failure.header(ALLOW, allow),
            _ => failure,
        }
    }
}

impl From<Error> for OciError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::BlobUnknown(digest) => Self {
                detail: Some(json!({ "digest": digest })),
                ..Self::of(ErrorCode::BlobUnknown, message)
            },
            Error::UploadUnknown => Self::of(ErrorCode::BlobUploadUnknown, message),
            Error::UploadInvalid(_) => Self::of(ErrorCode::BlobUploadInvalid, message),
            Error::RangeInvalid { offset } => Self::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                ErrorCode::BlobUploadInvalid,
                message,
            )
            .header(RANGE, berth_oci::upload_range(offset)),
            Error::DigestInvalid(_) => Self::of(ErrorCode::DigestInvalid, message),
            Error::SizeInvalid(_) => Self::of(ErrorCode::SizeInvalid, message),
            Error::ManifestUnknown(_) => Self::of(ErrorCode::ManifestUnknown, message),
            Error::ManifestInvalid(_) => Self::of(ErrorCode::ManifestInvalid, message),
            Error::ManifestBlobUnknown(missing) => Self {
                detail: Some(json!({ "digests": missing })),
                ..Self::new(
                    StatusCode::NOT_FOUND,
                    ErrorCode::ManifestBlobUnknown,
                    message,
                )
            },
            Error::NameUnknown(_) | Error::NotFound(_) => Self::of(ErrorCode::NameUnknown, message),
            Error::Unsupported(_) => Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ErrorCode::Unsupported,
                message,
            ),
            Error::TooLarge(_) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::SizeInvalid,
                message,
            ),
            Error::Unauthorized => Self::of(ErrorCode::Unauthorized, message),
            Error::Forbidden(_) => Self::of(ErrorCode::Denied, message),
            Error::BadRequest(_) => {
                Self::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message)
            }
            Error::Conflict(_) => Self::new(StatusCode::CONFLICT, ErrorCode::Denied, message),
            Error::PreconditionFailed(_) => {
                Self::new(StatusCode::PRECONDITION_FAILED, ErrorCode::Denied, message)
            }
            Error::SlowDown { seconds } => Self::of(ErrorCode::TooManyRequests, message)
                .header(RETRY_AFTER, seconds.to_string()),
            Error::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                message,
            )
            .header(RETRY_AFTER, "1"),
            Error::Upstream(error) => upstream(&error),
            Error::Store(error) => store(&error),
            other => internal(&other),
        }
    }
}

/// An upstream's answer is passed on; that there was none is our own.
fn upstream(error: &UpstreamError) -> OciError {
    match error {
        UpstreamError::Status {
            status,
            message,
            retry_after,
        } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            let (status, code) = match status {
                StatusCode::NOT_FOUND => (status, ErrorCode::ManifestUnknown),
                // Our own client is logged in here; it is we who are not there.
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (status, ErrorCode::Denied),
                StatusCode::TOO_MANY_REQUESTS => (status, ErrorCode::TooManyRequests),
                status if status.is_client_error() => (status, ErrorCode::Unknown),
                _ => (StatusCode::BAD_GATEWAY, ErrorCode::Unknown),
            };
            let message = if message.is_empty() {
                "upstream refused"
            } else {
                message
            };
            let failure = OciError::new(status, code, format!("upstream: {message}"));
            match retry_after {
                Some(after) => failure.header(RETRY_AFTER, after.clone()),
                None => failure,
            }
        }
        UpstreamError::Timeout => OciError::new(
            StatusCode::GATEWAY_TIMEOUT,
            ErrorCode::Unavailable,
            error.to_string(),
        ),
        error => OciError::new(
            StatusCode::BAD_GATEWAY,
            ErrorCode::Unavailable,
            error.to_string(),
        ),
    }
}

fn store(error: &StoreError) -> OciError {
    match error {
        StoreError::Full => {
            tracing::error!(%error, "store failed");
            OciError::new(
                StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::Unavailable,
                error.to_string(),
            )
        }
        StoreError::Unavailable(source) => {
            tracing::error!(%error, %source, "store failed");
            OciError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                error.to_string(),
            )
            .header(RETRY_AFTER, "1")
        }
        StoreError::Conflict(_) => OciError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Unavailable,
            error.to_string(),
        )
        .header(RETRY_AFTER, "1"),
        error => internal(error),
    }
}

/// What went wrong inside is for the log, not for the client.
fn internal(error: &dyn std::error::Error) -> OciError {
    tracing::error!(%error, "request failed");
    OciError::of(ErrorCode::Unknown, "internal server error")
}

impl IntoResponse for OciError {
    fn into_response(self) -> Response {
        let mut body = ErrorBody::new(self.code, self.message);
        if let Some(detail) = &self.detail {
            body = body.with_detail(detail);
        }
        let mut response = (self.status, body.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_proxy_says_when_to_try_again() {
        let response = OciError::from(Error::Busy).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
}
