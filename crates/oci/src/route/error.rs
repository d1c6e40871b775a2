//! Why a request is no route.

use http::StatusCode;

use super::{MAX_PATH_BYTES, MAX_QUERY_BYTES, MAX_TAG_PARAMETERS};
use crate::digest::DigestError;
use crate::error::ErrorCode;
use crate::name::NameError;

/// Why a request is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The path is over [`MAX_PATH_BYTES`].
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    PathTooLong,
    /// The query is over [`MAX_QUERY_BYTES`].
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes")]
    QueryTooLong,
    /// No endpoint has this path.
    #[error("there is no such endpoint")]
    NotFound,
    /// The endpoint does not know the method.
    #[error("the endpoint does not have this method, use one of {allow}")]
    MethodNotAllowed {
        /// The methods it has, as the `Allow` header has them.
        allow: &'static str,
    },
    /// The path's or `from`'s repository name.
    #[error(transparent)]
    Name(NameError),
    /// A digest in the path or query, or `digest-algorithm`.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The end of an upload without its digest.
    #[error("an upload is ended with the digest parameter")]
    DigestMissing,
    /// A tag to write.
    #[error(transparent)]
    Tag(NameError),
    /// A tag to read that breaks the grammar, so there is none.
    #[error("there is no such tag, since {0}")]
    NoSuchTag(NameError),
    /// Tags next to a tag.
    #[error("tag parameters need a push by digest")]
    TagsWithoutDigest,
    /// Over [`MAX_TAG_PARAMETERS`].
    #[error(
        "there are more than {MAX_TAG_PARAMETERS} tag parameters, push the rest in another request"
    )]
    TooManyTags,
    /// An upload id that no upload has.
    #[error("there is no such upload, start a new one")]
    NoSuchUpload,
    /// The `epoch` of an upload.
    #[error("the upload's location was changed, use it as it was given")]
    UploadLocation,
    /// The `n` of a page.
    #[error("the parameter n is not a number")]
    PageSize,
    /// The `ns` parameter.
    #[error("the parameter ns is not a registry's host")]
    Namespace,
}

impl RouteError {
    /// The code to answer with.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::PathTooLong | Self::Name(_) | Self::Namespace => ErrorCode::NameInvalid,
            Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::QueryTooLong
            | Self::PageSize => ErrorCode::Unsupported,
            Self::Digest(_) | Self::DigestMissing => ErrorCode::DigestInvalid,
            Self::Tag(_) | Self::TagsWithoutDigest | Self::TooManyTags => {
                ErrorCode::ManifestInvalid
            }
            Self::NoSuchTag(_) => ErrorCode::ManifestUnknown,
            Self::NoSuchUpload => ErrorCode::BlobUploadUnknown,
            Self::UploadLocation => ErrorCode::BlobUploadInvalid,
        }
    }

    /// The status to answer with.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::PathTooLong | Self::QueryTooLong | Self::TooManyTags => StatusCode::URI_TOO_LONG,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PageSize => StatusCode::BAD_REQUEST,
            _ => self.code().default_status(),
        }
    }

    /// The value of the `Allow` header, which a 405 must have.
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        }
    }
}
