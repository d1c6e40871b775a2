//! The metadata ports and the job queue in memory: the simplest thing that
//! keeps the contracts, for tests of what stands on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use berth_domain::{
    Blob, Edge, EdgeTarget, Envelope, Lease, LeaseName, Link, LinkId, Manifest, ManifestState,
    Member, Nonce, Page, Project, ProjectId, ProjectName, Referrer, RegistryEndpoint, RegistryId,
    Repository, Run, RunId, RunKind, Schedule, Sequence, SigningKey, Tag, UploadId, UploadSession,
    User, UserId,
};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{Clock, GcSubject, Sequences, StoreError, StoreResult};
use jiff::Timestamp;

pub use blobs::MemoryBlobs;
pub use spools::MemorySpools;

mod access;
mod blobs;
mod growing;
mod jobs;
mod leases;
mod links;
mod manifests;
mod projects;
mod registries;
mod repositories;
mod runs;
mod spools;
mod tags;
mod uploads;

/// All metadata ports and the job queue in one process's memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

/// All records, by their keys.
#[derive(Clone, Debug, Default)]
struct State {
    sequences: BTreeMap<&'static str, i64>,
    projects: BTreeMap<ProjectName, Project>,
    members: BTreeMap<(ProjectId, UserId), Member>,
    registries: BTreeMap<RegistryId, RegistryEndpoint>,
    users: BTreeMap<UserId, User>,
    /// The oldest first.
    signing_keys: Vec<SigningKey>,
    repositories: BTreeMap<RepositoryName, Repository>,
    manifests: BTreeMap<(RepositoryName, Digest), ManifestRecord>,
    edges: BTreeSet<(RepositoryName, EdgeTarget, Edge)>,
    tags: BTreeMap<(RepositoryName, TagName), Tag>,
    links: BTreeMap<(RepositoryName, Digest), Link>,
    blobs: BTreeMap<Digest, Blob>,
    /// Whether the link was committed.
    back_edges: BTreeMap<(Digest, RepositoryName, LinkId), bool>,
    /// By due time and a running number.
    gc: BTreeMap<(Timestamp, u64), GcSubject>,
    gc_entries: u64,
    runs: BTreeMap<(RunKind, RunId), Run>,
    schedules: BTreeMap<RunKind, Schedule>,
    uploads: BTreeMap<UploadId, UploadSession>,
    leases: BTreeMap<LeaseName, Lease>,
    /// With the time of writing, the oldest first.
    outbox: Vec<(Timestamp, Envelope)>,
    queue: Vec<jobs::Queued>,
    /// How many deliveries there were: their receipts are numbered.
    deliveries: u64,
    buried: usize,
}

/// A manifest in any state.
#[derive(Clone, Debug)]
struct ManifestRecord {
    state: ManifestState,
    nonce: Nonce,
    /// From the commit on.
    committed: Option<(Manifest, Option<Referrer>)>,
    /// When a pusher was last promised it.
    touched_at: Option<Timestamp>,
}

impl MemoryStore {
    /// An empty store. `clock` tells when jobs were written and when they are
    /// due.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::default(),
            clock,
        }
    }

    /// A store of its own that begins with the same records.
    #[must_use]
    pub fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(self.state().clone()),
            clock,
        }
    }

    /// Everything, for one transaction: a method checks all that it expects
    /// before it changes anything.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an entry into the GC queue.
    fn collect(&mut self, subject: GcSubject, due: Timestamp) {
        self.gc_entries += 1;
        self.gc.insert((due, self.gc_entries), subject);
    }

    /// Whether an upload session is at this epoch.
    fn is_at_epoch(&self, session: Option<(UploadId, u64)>) -> bool {
        session.is_none_or(|(id, epoch)| {
            self.uploads
                .get(&id)
                .is_some_and(|session| session.epoch == epoch)
        })
    }

    fn end_session(&mut self, session: Option<(UploadId, u64)>) {
        if let Some((id, _)) = session {
            self.uploads.remove(&id);
        }
    }

    fn send(&mut self, jobs: &[Envelope], now: Timestamp) {
        self.outbox
            .extend(jobs.iter().map(|job| (now, job.clone())));
    }
}

/// The first `limit` of `items`.
fn page<T>(items: impl Iterator<Item = T>, limit: usize) -> Page<T> {
    Page::from_overread(items.take(limit + 1).collect(), limit)
}

fn ensure(holds: bool, error: impl FnOnce() -> StoreError) -> StoreResult<()> {
    if holds { Ok(()) } else { Err(error()) }
}

fn conflict(what: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::Conflict(what.to_string())
}

fn not_found(what: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::NotFound(what.to_string())
}

fn taken(what: &(impl ToString + ?Sized)) -> StoreError {
    StoreError::AlreadyExists(what.to_string())
}

#[async_trait]
impl Sequences for MemoryStore {
    async fn next(&self, sequence: Sequence) -> StoreResult<i64> {
        let mut state = self.state();
        let last = state.sequences.entry(sequence.as_str()).or_default();
        *last += 1;
        Ok(*last)
    }

    async fn raise(&self, sequence: Sequence, last: i64) -> StoreResult<()> {
        let mut state = self.state();
        let held = state.sequences.entry(sequence.as_str()).or_default();
        *held = last.max(*held);
        Ok(())
    }
}
