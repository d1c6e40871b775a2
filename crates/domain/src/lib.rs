//! Projects, users, roles, permissions and the rules of deletion: values and
//! pure functions. Nothing here reads, writes, or knows what time it is.

pub use access::{
    Action, Principal, Resource, Role, Rule, TokenAccess, TokenIdentity, UserIdentity,
};
pub use blob::{Blob, Link, LinkState};
pub use endpoint::{
    DOCKER_HUB_NAMESPACE, EndpointKind, RegistryEndpoint, Remote, Sealed, SealedCredential,
    namespace,
};
pub use gc::{LinkStep, Need, first_step, promised_until};
pub use ids::{
    ArtifactId, FreshId, IdError, JobId, LeaseId, LinkId, LinkToken, Nonce, ObjectKey, ProjectId,
    RegistryId, RepositoryId, RunId, Sequence, UploadId, UserId,
};
pub use job::{Envelope, JOB_VERSION, Job};
pub use lease::{Lease, LeaseName};
pub use manifest::{
    Begun, Edge, EdgeTarget, INLINE_MANIFEST_BYTES, ListedManifest, MAX_REFERRER_ANNOTATION_BYTES,
    Manifest, ManifestContent, ManifestFacts, ManifestState, Referrer, Tag,
};
pub use page::Page;
pub use permissions::{public_allows, role_allows};
pub use project::{MetadataKey, Project, ProjectMetadata, ProjectName, ProjectNameError};
pub use repository::Repository;
pub use run::{
    Cadence, Cron, CronError, GcFreed, GcOptions, MAX_RUN_LOG_BYTES, Run, RunKind, RunStatus,
    RunTrigger, Schedule,
};
pub use secret::Secret;
pub use signing::SigningKey;
pub use transitions::{BlobVersion, LinkChange, LinkCommit, LinkCommitFinds, ManifestChange};
pub use upload::{UploadSession, WriteState};
pub use user::{Member, PasswordHash, User, UserName, UserNameError, is_strong_password};
pub use version::{Expect, Version};

mod access;
mod blob;
mod endpoint;
mod gc;
mod ids;
mod job;
mod lease;
mod manifest;
mod page;
mod permissions;
mod project;
mod repository;
mod run;
mod secret;
mod signing;
mod transitions;
mod upload;
mod user;
mod version;
