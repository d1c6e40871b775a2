//! The routes of the distribution API (distribution spec, "Endpoints"), with
//! CNCF distribution's `_catalog`.

use crate::digest::{Algorithm, Digest};
use crate::name::{Reference, RepositoryName, TagName};

pub use error::RouteError;
pub use query::PageQuery;

mod error;
mod parse;
mod query;
#[cfg(test)]
mod tests;

/// The longest path in bytes, before percent-decoding.
pub const MAX_PATH_BYTES: usize = 1024;
/// The longest query in bytes, before percent-decoding.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// The most `tag` parameters in one push of a manifest; the spec asks for at
/// least 10.
pub const MAX_TAG_PARAMETERS: usize = 32;

/// How something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadOperation {
    /// With its content.
    Get,
    /// Without its content.
    Head,
}

/// What a request must be allowed to do with its repository, or the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RepositoryAccess {
    /// Read.
    Pull,
    /// Write. A mount also reads, from the repository `from`.
    Push,
    /// Delete.
    Delete,
    /// List the registry's repositories.
    Catalog,
    /// Nothing of any repository.
    None,
}

/// A request as its path, method and query parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OciRoute {
    /// `GET /v2/`: whether this is a registry, and whether who asks may enter.
    Base,
    /// `GET /v2/_catalog`: the repositories.
    Catalog {
        /// Which page of them.
        page: PageQuery,
    },
    /// `GET /v2/{name}/tags/list`.
    TagList {
        /// The repository.
        name: RepositoryName,
        /// Which page.
        page: PageQuery,
    },
    /// `GET` or `HEAD /v2/{name}/manifests/{reference}`.
    Manifest {
        /// The repository.
        name: RepositoryName,
        /// Which manifest.
        reference: Reference,
        /// With or without content.
        op: ReadOperation,
    },
    /// `PUT /v2/{name}/manifests/{reference}`.
    ManifestPut {
        /// The repository.
        name: RepositoryName,
        /// As what to store it.
        reference: Reference,
        /// Tags to give it as well, each once and only with a digest as the
        /// reference; at most [`MAX_TAG_PARAMETERS`].
        tags: Vec<TagName>,
    },
    /// `DELETE /v2/{name}/manifests/{reference}`.
    ManifestDelete {
        /// The repository.
        name: RepositoryName,
        /// A tag, or a manifest with all its tags.
        reference: Reference,
    },
    /// `GET` or `HEAD /v2/{name}/blobs/{digest}`.
    Blob {
        /// The repository.
        name: RepositoryName,
        /// Which blob.
        digest: Digest,
        /// With or without content.
        op: ReadOperation,
    },
    /// `DELETE /v2/{name}/blobs/{digest}`.
    BlobDelete {
        /// The repository.
        name: RepositoryName,
        /// Which blob.
        digest: Digest,
    },
    /// `POST /v2/{name}/blobs/uploads/`.
    UploadStart {
        /// The repository.
        name: RepositoryName,
        /// A blob to take from another repository instead.
        mount: Option<Digest>,
        /// The repository to take it from.
        from: Option<RepositoryName>,
        /// The digest of the blob that is this request's body.
        digest: Option<Digest>,
        /// What the blob will be hashed by (`digest-algorithm`).
        algorithm: Option<Algorithm>,
    },
    /// `PATCH /v2/{name}/blobs/uploads/{id}`: a chunk.
    UploadPatch {
        /// The repository.
        name: RepositoryName,
        /// The session: 1 to 128 of letters, digits, `-`, `_`, `.`, `=`.
        id: String,
        /// The state of the session that the client's `Location` named.
        epoch: Option<u64>,
    },
    /// `PUT /v2/{name}/blobs/uploads/{id}?digest=`: the end of an upload.
    UploadPut {
        /// The repository.
        name: RepositoryName,
        /// The session.
        id: String,
        /// The state of the session that the client's `Location` named.
        epoch: Option<u64>,
        /// The digest of the whole blob.
        digest: Digest,
    },
    /// `GET /v2/{name}/blobs/uploads/{id}`.
    UploadStatus {
        /// The repository.
        name: RepositoryName,
        /// The session.
        id: String,
        /// The state of the session that the client's `Location` named.
        epoch: Option<u64>,
    },
    /// `DELETE /v2/{name}/blobs/uploads/{id}`.
    UploadCancel {
        /// The repository.
        name: RepositoryName,
        /// The session.
        id: String,
        /// The state of the session that the client's `Location` named.
        epoch: Option<u64>,
    },
    /// `GET /v2/{name}/referrers/{digest}`.
    Referrers {
        /// The repository.
        name: RepositoryName,
        /// The subject.
        digest: Digest,
        /// Only referrers of this type; the first `artifactType` parameter.
        artifact_type: Option<String>,
        /// Which page.
        page: PageQuery,
    },
}

/// A route and what any request can carry besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciRequest {
    /// The route.
    pub route: OciRoute,
    /// The registry that the client thinks of, such as `docker.io` (`ns`
    /// parameter; distribution spec, "Registry Proxying"): 1 to 255 visible
    /// ASCII characters.
    pub ns: Option<String>,
}

impl OciRoute {
    /// The pattern of every route, for metrics and for tables of rules.
    pub const PATTERNS: [&'static str; 16] = [
        "GET /v2/",
        "GET /v2/_catalog",
        "GET /v2/{name}/tags/list",
        "GET /v2/{name}/manifests/{reference}",
        "HEAD /v2/{name}/manifests/{reference}",
        "PUT /v2/{name}/manifests/{reference}",
        "DELETE /v2/{name}/manifests/{reference}",
        "GET /v2/{name}/blobs/{digest}",
        "HEAD /v2/{name}/blobs/{digest}",
        "DELETE /v2/{name}/blobs/{digest}",
        "POST /v2/{name}/blobs/uploads/",
        "PATCH /v2/{name}/blobs/uploads/{id}",
        "PUT /v2/{name}/blobs/uploads/{id}",
        "GET /v2/{name}/blobs/uploads/{id}",
        "DELETE /v2/{name}/blobs/uploads/{id}",
        "GET /v2/{name}/referrers/{digest}",
    ];

    /// This route's pattern, one of [`OciRoute::PATTERNS`].
    pub const fn pattern(&self) -> &'static str {
        use ReadOperation::{Get, Head};
        Self::PATTERNS[match self {
            Self::Base => 0,
            Self::Catalog { .. } => 1,
            Self::TagList { .. } => 2,
            Self::Manifest { op: Get, .. } => 3,
            Self::Manifest { op: Head, .. } => 4,
            Self::ManifestPut { .. } => 5,
            Self::ManifestDelete { .. } => 6,
            Self::Blob { op: Get, .. } => 7,
            Self::Blob { op: Head, .. } => 8,
            Self::BlobDelete { .. } => 9,
            Self::UploadStart { .. } => 10,
            Self::UploadPatch { .. } => 11,
            Self::UploadPut { .. } => 12,
            Self::UploadStatus { .. } => 13,
            Self::UploadCancel { .. } => 14,
            Self::Referrers { .. } => 15,
        }]
    }

    /// What the request must be allowed to do.
    pub const fn access(&self) -> RepositoryAccess {
        match self {
            Self::Base => RepositoryAccess::None,
            Self::Catalog { .. } => RepositoryAccess::Catalog,
            Self::TagList { .. }
            | Self::Manifest { .. }
            | Self::Blob { .. }
            | Self::Referrers { .. } => RepositoryAccess::Pull,
            Self::ManifestPut { .. }
            | Self::UploadStart { .. }
            | Self::UploadPatch { .. }
            | Self::UploadPut { .. }
            | Self::UploadStatus { .. }
            | Self::UploadCancel { .. } => RepositoryAccess::Push,
            Self::ManifestDelete { .. } | Self::BlobDelete { .. } => RepositoryAccess::Delete,
        }
    }

    /// The repository, if the route has one.
    pub const fn name(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog { .. } => None,
            Self::TagList { name, .. }
            | Self::Manifest { name, .. }
            | Self::ManifestPut { name, .. }
            | Self::ManifestDelete { name, .. }
            | Self::Blob { name, .. }
            | Self::BlobDelete { name, .. }
            | Self::UploadStart { name, .. }
            | Self::UploadPatch { name, .. }
            | Self::UploadPut { name, .. }
            | Self::UploadStatus { name, .. }
            | Self::UploadCancel { name, .. }
            | Self::Referrers { name, .. } => Some(name),
        }
    }

    /// The same on another repository; a route without one stays as it is.
    #[must_use]
    pub fn with_name(mut self, new_name: RepositoryName) -> Self {
        match &mut self {
            Self::Base | Self::Catalog { .. } => {}
            Self::TagList { name, .. }
            | Self::Manifest { name, .. }
            | Self::ManifestPut { name, .. }
            | Self::ManifestDelete { name, .. }
            | Self::Blob { name, .. }
            | Self::BlobDelete { name, .. }
            | Self::UploadStart { name, .. }
            | Self::UploadPatch { name, .. }
            | Self::UploadPut { name, .. }
            | Self::UploadStatus { name, .. }
            | Self::UploadCancel { name, .. }
            | Self::Referrers { name, .. } => *name = new_name,
        }
        self
    }
}
