//! Blobs, the links that make them visible, and the queue of what may be
//! collected.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{
    Blob, EdgeTarget, Envelope, Link, LinkCommit, LinkId, LinkToken, ObjectKey, Page, ProjectId,
    UploadId,
};
use berth_oci::{Digest, RepositoryName};
use jiff::Timestamp;

use crate::StoreResult;

/// What a new link is based on.
#[derive(Clone, Debug)]
pub enum LinkSource {
    /// No blob has this digest yet: this finished object becomes it.
    NewBlob {
        /// The object.
        key: ObjectKey,
        /// Its size.
        size: u64,
    },
    /// The blob is there, with this key.
    Blob(Blob),
}

/// Makes a blob visible in a repository.
#[derive(Clone, Debug)]
pub struct CommitLink {
    /// The repository.
    pub repository: RepositoryName,
    /// Its project.
    pub project: ProjectId,
    /// The blob's digest.
    pub digest: Digest,
    /// The id under which [`LinkStore::prepare_link`] left a back-edge.
    pub id: LinkId,
    /// What it is based on.
    pub source: LinkSource,
    /// The upload session that ends with this, and its epoch.
    pub session: Option<(UploadId, u64)>,
    /// Jobs that the change causes, for the outbox.
    pub jobs: Vec<Envelope>,
    /// The time, for `touched_at`.
    pub now: Timestamp,
}

/// One blob's back-edge to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackEdge {
    /// The repository of the link.
    pub repository: RepositoryName,
    /// The link's id.
    pub id: LinkId,
    /// Whether the link was committed; else somebody may be about to.
    pub linked: bool,
}

/// Blobs and links.
///
/// # Contract
/// Each method is one atomic transition; reads are strong. A transaction may
/// become visible item by item to reads of other items; therefore back-edges
/// and edges are plain puts, acknowledged before anything relies on them.
#[async_trait]
pub trait LinkStore: Debug + Send + Sync + 'static {
    /// The link, live or condemned.
    async fn link(&self, repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Link>>;

    /// The blob.
    async fn blob(&self, digest: Digest) -> StoreResult<Option<Blob>>;

    /// Puts an entry for the link into the GC queue, due at `due`, and then a
    /// pending back-edge from the blob, under a fresh id.
    async fn prepare_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        due: Timestamp,
    ) -> StoreResult<()>;

    /// In one transaction: the blob put (if absent), or its generation raised
    /// (if its key is still the one read); the back-edge from pending to
    /// linked; the link put if absent; the session deleted if its epoch is
    /// still the one given; the jobs put into the outbox.
    async fn commit_link(&self, commit: &CommitLink) -> StoreResult<LinkCommit>;

    /// Takes back a pending back-edge. One that is linked, or not there, stays
    /// as it is.
    async fn withdraw_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
    ) -> StoreResult<()>;

    /// Sets a link's `touched_at` and makes it live if it is condemned under
    /// `condemned`; `Conflict` if its state is another by now, or it is gone.
    async fn revive_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        condemned: Option<LinkToken>,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Condemns a live link under a fresh token; `Conflict` if it is not live
    /// in this life (`id`).
    async fn condemn_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        token: LinkToken,
    ) -> StoreResult<()>;

    /// Deletes a link that is still condemned under `token`, with its
    /// back-edge, and puts an entry for the blob into the GC queue, due at
    /// `due`; else `Conflict`.
    async fn delete_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        token: LinkToken,
        due: Timestamp,
    ) -> StoreResult<()>;

    /// Deletes a blob whose key and generation are still these, and puts an
    /// entry for its object into the GC queue, due at `due`; else `Conflict`.
    async fn delete_blob(&self, blob: &Blob, due: Timestamp) -> StoreResult<()>;

    /// A blob's back-edges by repository and link, behind `after`.
    async fn back_edges(
        &self,
        digest: Digest,
        after: Option<(&RepositoryName, LinkId)>,
        limit: usize,
    ) -> StoreResult<Page<BackEdge>>;

    /// Links of a repository by digest, behind `after`: for verification only.
    async fn list_links(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Link>>;

    /// Blobs by digest, behind `after`: for verification only.
    async fn list_blobs(&self, after: Option<Digest>, limit: usize) -> StoreResult<Page<Blob>>;
}

/// What a GC entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GcSubject {
    /// A link that is new, or has lost an edge.
    Link(RepositoryName, Digest),
    /// A manifest that a push or a deletion may have left half-way.
    Manifest(RepositoryName, Digest),
    /// A manifest that an index no longer names.
    Child(RepositoryName, Digest),
    /// A blob that may have lost its last link.
    Blob(Digest),
    /// An object that nothing names any more.
    Object(ObjectKey),
}

impl GcSubject {
    /// What has lost an edge.
    pub fn target(repository: &RepositoryName, target: EdgeTarget) -> Self {
        match target {
            EdgeTarget::Blob(digest) => Self::Link(repository.clone(), digest),
            EdgeTarget::Manifest(digest) => Self::Child(repository.clone(), digest),
        }
    }
}

/// An entry of the GC queue: something to look at once it is due. One entry
/// per enqueue, never reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcEntry {
    /// Its place in the queue, unique and ordered by due time.
    pub key: String,
    /// When to look.
    pub due: Timestamp,
    /// At what.
    pub subject: GcSubject,
}

/// The queue of what may be collected. All enters it by the transitions of the
/// other ports, and leaves it only when somebody has decided about it.
#[async_trait]
pub trait GcQueue: Debug + Send + Sync + 'static {
    /// Entries due at `now`, the oldest first, behind the key `after`.
    async fn due(
        &self,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<GcEntry>>;

    /// Puts an entry's subject into the queue again, due at `due`, and then
    /// takes the entry away.
    async fn postpone(&self, entry: &GcEntry, due: Timestamp) -> StoreResult<()>;

    /// Takes entries away (at most 1,000), by their keys. Those that are not
    /// there are no error.
    async fn decided(&self, keys: &[String]) -> StoreResult<()>;
}
