//! Repositories, manifests, tags and referrers.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{
    Begun, Edge, EdgeTarget, Envelope, Expect, ListedManifest, Manifest, ManifestState, Nonce,
    Page, ProjectName, Referrer, Repository, Tag, UploadId, Version,
};
use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;

use crate::StoreResult;

/// Repositories as such.
///
/// # Contract
/// Each method is one atomic transition; reads are strong; versions as in
/// [`ProjectStore`](crate::ProjectStore).
#[async_trait]
pub trait RepositoryStore: Debug + Send + Sync + 'static {
    /// Stores a new repository in its project. `AlreadyExists` if its name is
    /// taken; `NotFound` if no project has its first name and its project
    /// number, so that none outlives a deletion of the project.
    async fn create_repository(&self, repository: &Repository) -> StoreResult<()>;

    /// The repository of this name.
    async fn repository(&self, name: &RepositoryName) -> StoreResult<Option<Repository>>;

    /// Replaces description and `updated_at` if it is still at
    /// `repository.version`, else `Conflict`.
    async fn update_repository(&self, repository: &Repository) -> StoreResult<()>;

    /// Deletes a repository: `InUse` while it has a manifest, pending ones
    /// included; `Conflict` if it is not at `version`.
    async fn delete_repository(&self, name: &RepositoryName, version: Version) -> StoreResult<()>;

    /// Manifests of a repository that are pending or being deleted, with their
    /// nonces, by digest, behind `after`: what crashes may have left, and what
    /// keeps the repository from being deleted.
    async fn unfinished_manifests(
        &self,
        name: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<(Digest, ManifestState, Nonce)>>;

    /// Repositories of `project` (`None`: of all) by name, behind `after`, at
    /// most `limit` (up to 1,000). Order is by project name, then by the rest:
    /// all of `a/` before `a-b/`.
    async fn list_repositories(
        &self,
        project: Option<&ProjectName>,
        after: Option<&RepositoryName>,
        limit: usize,
    ) -> StoreResult<Page<Repository>>;
}

/// Makes a pending manifest live.
#[derive(Clone, Debug)]
pub struct CommitManifest {
    /// The manifest, with the nonce it was begun under.
    pub manifest: Manifest,
    /// The tags to set to it, at most 32.
    pub tags: Vec<TagName>,
    /// How it shows in its subject's list of referrers, if it has a subject
    /// (`manifest.facts.subject`).
    pub referrer: Option<Referrer>,
    /// The upload session that owned the manifest's object until now, with its
    /// epoch; it ends with this.
    pub session: Option<(UploadId, u64)>,
}

/// Manifests, from the first sign of them to the last.
///
/// # Contract
/// Each method is one atomic transition; reads are strong. A manifest is seen
/// by [`manifest`](Self::manifest), [`list_manifests`](Self::list_manifests)
/// and [`referrers`](Self::referrers) only while live. What a transaction
/// writes may become visible item by item to reads of other items.
#[async_trait]
pub trait ManifestStore: Debug + Send + Sync + 'static {
    /// Makes a manifest pending under `nonce`, with an entry in the GC queue
    /// due at `due`; or says what stands in the way.
    async fn begin_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        due: Timestamp,
    ) -> StoreResult<Begun>;

    /// Writes edges from `edge` to each of `targets` (at most 25): plain puts,
    /// whether the target is there or not.
    async fn put_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> StoreResult<()>;

    /// Deletes edges (at most 25 targets), then puts an entry for each target
    /// into the GC queue, due at `due`. Edges that are not there are no error.
    async fn delete_edges(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
        due: Timestamp,
    ) -> StoreResult<()>;

    /// The edges that lead to `target`, by manifest and nonce, behind `after`.
    async fn edges(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
        after: Option<Edge>,
        limit: usize,
    ) -> StoreResult<Page<Edge>>;

    /// Makes a pending manifest live if it still has its nonce: record, place
    /// in the repository's list, tags and referrer in one transaction, which
    /// also ends the session. A tag that had another digest moves. `Conflict`
    /// if it is not pending under this nonce, or the session is not at this
    /// epoch; a repeat after success is `Conflict` too, and the
    /// caller sees the live manifest under its own nonce then.
    async fn commit_manifest(&self, commit: &CommitManifest) -> StoreResult<()>;

    /// Takes a pending manifest away, with `jobs` for the outbox. `Conflict` if
    /// it is not pending under this nonce.
    async fn abort_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        jobs: &[Envelope],
    ) -> StoreResult<()>;

    /// The live manifest.
    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>>;

    /// The manifest while it is being deleted, for who ends a deletion that
    /// died.
    async fn deleting_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Manifest>>;

    /// The state and nonce of a manifest, whatever its state: whether an edge
    /// counts.
    async fn manifest_state(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<(ManifestState, Nonce)>>;

    /// Live manifests in order of digest, behind `after`, at most `limit` (up
    /// to 1,000). Their bytes are not read.
    async fn list_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<ListedManifest>>;

    /// Live manifests whose subject is `subject`, whether that exists or not,
    /// in order of artifact type and digest, behind `after` (type and digest).
    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> StoreResult<Page<Referrer>>;

    /// Notes that a pusher was promised a live manifest; one that is not live
    /// is no error.
    async fn touch_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Hides a live manifest: live to deleting, with an entry in the GC queue
    /// as `deletion` says. `Conflict` if it is not live under `nonce`, or was
    /// touched.
    async fn begin_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        deletion: &BeginDelete,
    ) -> StoreResult<()>;

    /// Ends a deletion: takes the record, its place in the list and among the
    /// referrers away, with `jobs` for the outbox; or, with `restore`, makes it
    /// live again. `Conflict` if it is not deleting under `nonce`.
    async fn end_delete(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        nonce: Nonce,
        end: &DeleteEnd,
    ) -> StoreResult<()>;
}

/// How the deletion of a manifest begins.
#[derive(Clone, Copy, Debug)]
pub struct BeginDelete {
    /// Only if nobody was promised it at this time or later; pushes count.
    pub untouched_since: Option<Timestamp>,
    /// When to look whether the deletion came to its end.
    pub due: Timestamp,
}

impl BeginDelete {
    /// Whether it may begin for a manifest that a pusher was last promised
    /// then.
    pub fn may_begin(&self, touched_at: Option<Timestamp>) -> bool {
        self.untouched_since
            .is_none_or(|since| touched_at.is_none_or(|at| at < since))
    }
}

/// How the deletion of a manifest ends.
#[derive(Clone, Debug)]
pub enum DeleteEnd {
    /// It is gone, which causes these jobs.
    Gone(Vec<Envelope>),
    /// A parent still needs it: it is live again.
    Restored,
}

/// Tags.
///
/// # Contract
/// As [`ManifestStore`]'s.
#[async_trait]
pub trait TagStore: Debug + Send + Sync + 'static {
    /// The tag.
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>>;

    /// Sets tags (at most 32) to a manifest: `Conflict` unless it is live under
    /// `manifest.nonce`. A new tag is at [`Version::fresh`]: who expects a
    /// version of one that was deleted does not meet another of its name. `now` becomes `checked_at`, and `pushed_at` where the
    /// digest changes.
    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Notes that the upstream confirmed a tag at `now`, if it is still at
    /// `version`; if not, nothing happens.
    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Deletes a tag if `expect` holds, else `Conflict`; `NotFound` if there is
    /// none.
    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()>;

    /// Tags in order of their bytes, behind `after`, at most `limit` (up to
    /// 10,000).
    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>>;

    /// The tags of one manifest, with their records, in order of their bytes.
    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>>;
}
