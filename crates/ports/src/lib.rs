//! The traits through which Berth reaches its stores, queues, upstreams,
//! secrets and clock.
//!
//! Every contract here can be kept by files and SQLite and by S3, DynamoDB and
//! SQS: a method is one atomic transition that carries what it expects; a
//! transaction has at most 100 items and 4 MB, and other readers may see it
//! item by item; a record is under 400 KB; lists go by cursor.

pub use access::AccessStore;
pub use berth_domain::LinkCommit;
pub use blob_store::{
    Access, Arrival, BlobStore, BlobWriter, ByteStream, FileSpan, Finished, Growing, Span,
};
pub use error::{StoreError, StoreResult};
pub use finding::{Finding, Verdict};
pub use host::{Clock, Ids, Task, Tasks};
pub use instances::{Follow, Instances};
pub use jobs::{Delivery, JobQueue, Outbox};
pub use leases::LeaseStore;
pub use links::{BackEdge, CommitLink, GcEntry, GcQueue, GcSubject, LinkSource, LinkStore};
pub use projects::{ProjectStore, RegistryStore, Sequences};
pub use repositories::{
    BeginDelete, CommitManifest, DeleteEnd, ManifestStore, RepositoryStore, TagStore,
};
pub use runs::RunStore;
pub use secrets::{SecretError, Secrets, TokenError, TokenRequest, VerifiedToken};
pub use set::{MetadataStore, OtherPorts, Ports};
pub use spools::{Spool, Spools};
pub use staging::{Attested, NoStaging, Staging};
pub use uploads::UploadStore;
pub use upstream::{
    FetchedBlob, FetchedManifest, ManifestDescription, Upstream, UpstreamError, UpstreamResult,
    UpstreamStream,
};

mod access;
mod blob_store;
mod error;
mod finding;
mod host;
mod instances;
mod jobs;
mod leases;
mod links;
mod projects;
mod repositories;
mod runs;
mod secrets;
mod set;
mod spools;
mod staging;
mod uploads;
mod upstream;
