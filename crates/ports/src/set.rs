//! All ports of one wiring.

use std::sync::Arc;

use crate::{
    AccessStore, BlobStore, Clock, GcQueue, Ids, Instances, JobQueue, LeaseStore, LinkStore,
    ManifestStore, Outbox, ProjectStore, RegistryStore, RepositoryStore, RunStore, Secrets,
    Sequences, Spools, Staging, TagStore, Tasks, UploadStore, Upstream,
};

/// Declares the sets of ports. Whatever puts one together names no single port
/// of the metadata, so that a port more is a line more in the list only.
macro_rules! ports {
    (
        metadata { $($(#[$about:meta])* $port:ident: $contract:ident,)* }
        others { $($(#[$about_other:meta])* $other:ident: $other_contract:ident,)* }
    ) => {
        /// A store of all metadata: whatever implements each of its ports.
        ///
        /// The job queue is none of them. It may live elsewhere; what is
        /// written together with metadata goes by the [`Outbox`].
        pub trait MetadataStore: $($contract +)* {}

        impl<S: $($contract +)*> MetadataStore for S {}

        /// The ports beside those of the metadata.
        #[derive(Clone, Debug)]
        pub struct OtherPorts {
            $($(#[$about_other])* pub $other: Arc<dyn $other_contract>,)*
        }

        /// Everything that the service reaches the world through. Cheap to
        /// clone.
        #[derive(Clone, Debug)]
        pub struct Ports {
            $($(#[$about])* pub $port: Arc<dyn $contract>,)*
            $($(#[$about_other])* pub $other: Arc<dyn $other_contract>,)*
        }

        impl Ports {
            /// Those of one store of metadata, and the others.
            pub fn over<S: MetadataStore>(store: Arc<S>, others: OtherPorts) -> Self {
                Self {
                    $($port: store.clone(),)*
                    $($other: others.$other,)*
                }
            }
        }
    };
}

ports! {
    metadata {
        /// Numeric identifiers.
        sequences: Sequences,
        /// Projects and members.
        projects: ProjectStore,
        /// Registry endpoints.
        registries: RegistryStore,
        /// Users and signing keys.
        access: AccessStore,
        /// Repositories.
        repositories: RepositoryStore,
        /// Manifests.
        manifests: ManifestStore,
        /// Tags.
        tags: TagStore,
        /// Blobs and links.
        links: LinkStore,
        /// What may be collected.
        gc: GcQueue,
        /// Runs of maintenance and their schedules.
        runs: RunStore,
        /// Upload sessions.
        uploads: UploadStore,
        /// Who does what is done once.
        leases: LeaseStore,
        /// Jobs not sent yet.
        outbox: Outbox,
    }
    others {
        /// Objects.
        blobs: BlobStore,
        /// What clients put into the store themselves.
        staging: Staging,
        /// Jobs.
        queue: JobQueue,
        /// Other registries.
        upstream: Upstream,
        /// The other instances.
        instances: Instances,
        /// Bytes on their way.
        spools: Spools,
        /// Cryptography.
        secrets: Secrets,
        /// The time.
        clock: Clock,
        /// Fresh ids.
        ids: Ids,
        /// Work in the background.
        tasks: Tasks,
    }
}
