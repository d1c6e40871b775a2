//! Manifests and indexes as far as a registry has to understand them (image
//! spec, "Image Manifest" and "Image Index"; Docker image manifest, schema 2).
//!
//! Manifests are parsed to index them. The bytes that came stay the truth: they
//! are stored, hashed and served, and nothing here writes a manifest anew.

use std::collections::{BTreeMap, BTreeSet};

pub use descriptor::{Descriptor, Platform};

use crate::digest::Digest;
use crate::error::ErrorCode;
use crate::media_type;

mod descriptor;
mod fields;
#[cfg(test)]
mod tests;

/// The longest manifest in bytes (4 MiB, what the distribution spec asks
/// registries to take).
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// The most descriptors in one manifest, of all kinds together.
pub const MAX_DESCRIPTORS: usize = 2_000;

/// What kind of manifest it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// An image manifest, OCI or Docker: a config and layers.
    Image,
    /// An OCI index or Docker manifest list: other manifests.
    Index,
    /// An OCI artifact manifest: blobs.
    Artifact,
    /// Of a media type not known here: whatever of the fields above it has.
    Other,
}

impl ManifestKind {
    fn of(media_type: &str) -> Self {
        match media_type {
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => Self::Image,
            media_type::OCI_INDEX | media_type::DOCKER_LIST => Self::Index,
            media_type::OCI_ARTIFACT => Self::Artifact,
            _ => Self::Other,
        }
    }
}

/// Why some bytes are no manifest that this registry takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Over [`MAX_MANIFEST_BYTES`].
    #[error("the manifest is larger than {MAX_MANIFEST_BYTES} bytes")]
    TooLarge,
    /// Over [`MAX_DESCRIPTORS`].
    #[error("the manifest has more than {MAX_DESCRIPTORS} descriptors")]
    TooManyDescriptors,
    /// No JSON object.
    #[error("the manifest is not a JSON object: {0}")]
    Json(String),
    /// Docker's schema 1.
    #[error("docker schema 1 manifests are not supported, push schema 2 or an OCI manifest")]
    Schema1,
    /// The header and the body disagree.
    #[error("the content-type {content_type} is not the manifest's mediaType {media_type}")]
    MediaTypeMismatch {
        /// The header, without parameters.
        content_type: String,
        /// The body's `mediaType`.
        media_type: String,
    },
    /// A media type that is not written `type/subtype`.
    #[error("the {0} is not written type/subtype")]
    MediaTypeMalformed(&'static str),
    /// Neither the header, the body nor its fields say what it is.
    #[error("the manifest says neither by content-type nor by mediaType what it is")]
    MediaTypeMissing,
    /// Fields of an image and of an index in one manifest, which clients would
    /// read differently (GHSA-77vh-xpmg-72qh).
    #[error("{0} does not belong into a manifest of this mediaType")]
    Ambiguous(&'static str),
    /// A field is missing or wrong.
    #[error("{field}: {reason}")]
    Field {
        /// The field, like `layers[2]`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ManifestError {
    /// The code to answer a push with.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Schema1 => ErrorCode::Unsupported,
            _ => ErrorCode::ManifestInvalid,
        }
    }

    /// The status to answer a push with.
    pub const fn status(&self) -> http::StatusCode {
        match self {
            Self::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Schema1 => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

/// What a manifest says about other content and about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedManifest {
    /// What kind it is.
    pub kind: ManifestKind,
    /// Its media type, without parameters: what it is served as.
    pub media_type: String,
    /// An image's config, which is also the first of `blobs`.
    pub config: Option<Descriptor>,
    /// Config, layers and an artifact's blobs, in this order.
    pub blobs: Vec<Descriptor>,
    /// An index's manifests.
    pub children: Vec<Descriptor>,
    /// The manifest that this one refers to; it need not exist.
    pub subject: Option<Descriptor>,
    /// As the referrers API has it: `artifactType`, or else the media type of
    /// the config if there is one. Never empty.
    pub artifact_type: Option<String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
}

impl ParsedManifest {
    /// Parses a manifest that came with the header `content_type`.
    ///
    /// Header and body must name one media type where both name one
    /// (distribution spec, "Pushing Manifests"); where neither does, the fields
    /// tell an OCI image from an OCI index. A known type is parsed strictly but
    /// for fields not known. Of any other type, well-formed fields of the known
    /// names are taken and others are ignored.
    pub fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        fields::parse(content_type, bytes)
    }

    /// The blobs that must be in the repository before the manifest, each
    /// digest once: all but layers of non-distributable types.
    pub fn required_blobs(&self) -> Vec<&Descriptor> {
        let mut seen = BTreeSet::new();
        let distributable = |blob: &&Descriptor| !media_type::is_nondistributable(&blob.media_type);
        self.blobs
            .iter()
            .filter(distributable)
            .filter(|blob| seen.insert(blob.digest))
            .collect()
    }

    /// This manifest as the referrers API lists it, given the digest and size
    /// of its bytes (distribution spec, "Listing Referrers").
    pub fn referrer(&self, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type.clone(),
            annotations: self.annotations.clone(),
            ..Descriptor::new(self.media_type.clone(), digest, size)
        }
    }
}
