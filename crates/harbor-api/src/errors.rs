//! The error envelope of every Harbor response that is not a success.

use serde::Serialize;

/// The body of a failed request.
#[derive(Debug, Clone, Serialize)]
pub struct Errors {
    /// What failed; never empty.
    pub errors: Vec<Error>,
}

impl Errors {
    /// An envelope with one error.
    pub fn one(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            errors: vec![Error {
                code,
                message: message.into(),
            }],
        }
    }

    /// What every failure of the server itself says, so that nothing about the inside leaks.
    pub fn internal() -> Self {
        Self::one(ErrorCode::Unknown, "internal server error")
    }
}

/// One thing that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Error {
    /// The kind of failure, for programs.
    pub code: ErrorCode,
    /// What was wrong, for people.
    pub message: String,
}

/// The codes of Harbor's errors. Each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    BadRequest,
    DigestInvalid,
    ManifestInvalid,
    Unsupported,
    Unauthorized,
    Forbidden,
    Denied,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Precondition,
    ViolateForeignKeyConstraint,
    #[serde(rename = "PROJECTPOLICYVIOLATION")]
    ProjectPolicyViolation,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    /// A parameter or body that is not of the swagger's type or within its bounds.
    UnprocessableEntity,
    TooManyRequest,
    Unknown,
    ServiceUnavailable,
}

impl ErrorCode {
    /// The HTTP status that answers with this code.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::DigestInvalid | Self::ManifestInvalid | Self::Unsupported => {
                400
            }
            Self::Unauthorized => 401,
            Self::Forbidden | Self::Denied => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Precondition
            | Self::ViolateForeignKeyConstraint
            | Self::ProjectPolicyViolation => 412,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::UnprocessableEntity => 422,
            Self::TooManyRequest => 429,
            Self::Unknown => 500,
            Self::ServiceUnavailable => 503,
        }
    }
}
