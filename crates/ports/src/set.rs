//! All ports of one wiring.

use std::sync::Arc;

use crate::{
    AccessStore, BlobStore, Clock, GcQueue, Ids, JobQueue, LinkStore, ManifestStore, Outbox,
    ProjectStore, RegistryStore, RepositoryStore, RunStore, Secrets, Sequences, TagStore, Tasks,
    UploadStore, Upstream,
};

/// Everything that the service reaches the world through. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Objects.
    pub blobs: Arc<dyn BlobStore>,
    /// Numeric identifiers.
    pub sequences: Arc<dyn Sequences>,
    /// Projects and members.
    pub projects: Arc<dyn ProjectStore>,
    /// Registry endpoints.
    pub registries: Arc<dyn RegistryStore>,
    /// Users and signing keys.
    pub access: Arc<dyn AccessStore>,
    /// Repositories.
    pub repositories: Arc<dyn RepositoryStore>,
    /// Manifests.
    pub manifests: Arc<dyn ManifestStore>,
    /// Tags.
    pub tags: Arc<dyn TagStore>,
    /// Blobs and links.
    pub links: Arc<dyn LinkStore>,
    /// What may be collected.
    pub gc: Arc<dyn GcQueue>,
    /// Runs of maintenance and their schedules.
    pub runs: Arc<dyn RunStore>,
    /// Upload sessions.
    pub uploads: Arc<dyn UploadStore>,
    /// Jobs not sent yet.
    pub outbox: Arc<dyn Outbox>,
    /// Jobs.
    pub queue: Arc<dyn JobQueue>,
    /// Other registries.
    pub upstream: Arc<dyn Upstream>,
    /// Cryptography.
    pub secrets: Arc<dyn Secrets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn Ids>,
    /// Work in the background.
    pub tasks: Arc<dyn Tasks>,
}
