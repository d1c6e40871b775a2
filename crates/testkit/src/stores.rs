//! What a contract suite is run over.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use berth_ports::{
    AccessStore, BlobStore, GcQueue, LeaseStore, LinkStore, ManifestStore, MetadataStore, Outbox,
    ProjectStore, RegistryStore, RepositoryStore, RunStore, Secrets, Sequences, TagStore,
    UploadStore,
};

use crate::ManualClock;

/// Metadata ports over one fresh, empty store. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
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
    /// Who does what is done once.
    pub leases: Arc<dyn LeaseStore>,
    /// Jobs not sent yet.
    pub outbox: Arc<dyn Outbox>,
    /// The clock by which the store tells the age of what is in the outbox.
    pub clock: Arc<ManualClock>,
    /// After how many calls of a history all that is held is compared.
    pub(crate) calls_a_look: usize,
    #[expect(dead_code, reason = "it is kept, not read")]
    guard: Arc<dyn Any + Send + Sync>,
}

impl Stores {
    /// All ports of one adapter that was given this clock.
    pub fn of<S: MetadataStore>(store: Arc<S>, clock: Arc<ManualClock>) -> Self {
        Self {
            sequences: store.clone(),
            projects: store.clone(),
            registries: store.clone(),
            access: store.clone(),
            repositories: store.clone(),
            manifests: store.clone(),
            tags: store.clone(),
            links: store.clone(),
            gc: store.clone(),
            runs: store.clone(),
            uploads: store.clone(),
            leases: store.clone(),
            outbox: store,
            clock,
            calls_a_look: 1,
            guard: Arc::new(()),
        }
    }

    /// Has histories compare all that is held after so many calls, not after
    /// each. What a call answers is compared at once all the same.
    #[must_use]
    pub fn read_after_every(self, calls: usize) -> Self {
        Self {
            calls_a_look: calls,
            ..self
        }
    }

    /// Keeps something alive as long as the stores: a temporary folder.
    #[must_use]
    pub fn keeping(self, guard: impl Any + Send + Sync) -> Self {
        Self {
            guard: Arc::new(guard),
            ..self
        }
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stores")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// A fresh, empty store of objects. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    /// The store.
    pub store: Arc<dyn BlobStore>,
    #[expect(dead_code, reason = "it is kept, not read")]
    guard: Arc<dyn Any + Send + Sync>,
}

impl Blobs {
    /// An adapter as a suite takes it.
    pub fn of(store: impl BlobStore) -> Self {
        Self {
            store: Arc::new(store),
            guard: Arc::new(()),
        }
    }

    /// Keeps something alive as long as the store: a temporary folder.
    #[must_use]
    pub fn keeping(self, guard: impl Any + Send + Sync) -> Self {
        Self {
            guard: Arc::new(guard),
            ..self
        }
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Blobs")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Two instances' secrets: they differ in their sealing keys.
#[derive(Clone, Debug)]
pub struct TwoSecrets {
    /// One instance's.
    pub ours: Arc<dyn Secrets>,
    /// The other's.
    pub theirs: Arc<dyn Secrets>,
}
