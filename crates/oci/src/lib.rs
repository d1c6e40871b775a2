//! Digests, references, manifests, routes and errors of the OCI distribution spec.

pub use challenge::Challenge;
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use error::{ErrorBody, ErrorCode, ErrorEntry};
pub use manifest::{
    Descriptor, MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, ManifestError, ManifestKind, ParsedManifest,
    Platform,
};
pub use name::{
    MAX_REPOSITORY_NAME, NameError, Reference, ReferenceError, RepositoryName, TagName,
    is_name_component,
};
pub use range::{
    ByteRange, ContentRange, ContentRangeError, RangeOutcome, content_range, unsatisfied_range,
    upload_range,
};
pub use referrers::ReferrersIndex;
pub use route::{
    MAX_PATH_BYTES, MAX_QUERY_BYTES, MAX_TAG_PARAMETERS, OciRequest, OciRoute, PageQuery,
    ReadOperation, RepositoryAccess, RouteError,
};
pub use scope::{MAX_SCOPE_LIST_BYTES, MAX_SCOPES, Scope, ScopeError};

mod challenge;
mod digest;
mod error;
mod manifest;
pub mod media_type;
mod name;
mod range;
mod referrers;
mod route;
mod scope;
