//! Garbage collection: looking at what the queue has due, while pushes, pulls
//! and other sweeps go on.
//!
//! Each thing is condemned or hidden first, and only then is it looked at what
//! leads to it; it goes only if nobody brought it back meanwhile. So safety
//! rests on order alone and needs no clock; the grace period keeps a promise
//! to pushers, no more.

use std::collections::HashMap;
use std::ops::{AddAssign, ControlFlow};

use berth_domain::{EdgeTarget, Envelope, Job, Need, ObjectKey};
use berth_oci::RepositoryName;
use berth_ports::{GcEntry, GcSubject};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::error::Result;
use crate::service::Service;

mod links;
mod manifests;
mod preview;
mod runs;

pub use preview::Preview;

/// Entries that are read, and decided about, together: as many as ports take.
const PAGE: usize = 1000;

/// Looks that go on beside each other: each waits for several writes, and a
/// store commits at once what waits.
const AT_ONCE: usize = 64;

/// When to look again at what others are in the middle of.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// A round looks at nothing twice, even if there is no grace period.
const NOT_AT_ONCE: SignedDuration = SignedDuration::from_millis(1);

/// What a sweep has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Things looked at.
    pub looked_at: u64,
    /// Links that went.
    pub links: u64,
    /// Manifests that went: pushes that died, and children that no index names.
    pub manifests: u64,
    /// Blobs that went.
    pub blobs: u64,
    /// The bytes of these blobs.
    pub bytes: u64,
    /// Objects that were deleted.
    pub objects: u64,
    /// Things that are to be looked at again.
    pub later: u64,
    /// Things whose look failed; they stay in the queue.
    pub failed: u64,
}

impl Swept {
    /// Whether anything went.
    pub const fn has_freed(&self) -> bool {
        self.links + self.manifests + self.blobs + self.objects > 0
    }
}

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.links += other.links;
        self.manifests += other.manifests;
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.later += other.later;
        self.failed += other.failed;
    }
}

/// Told what was done so far after every page; ends the sweep with `Break`.
pub type SweepObserver<'a> = &'a mut (dyn FnMut(Swept) -> ControlFlow<()> + Send);

/// What a look at one thing came to.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// The entry has served its purpose.
    Decided(Swept),
    /// Look again then.
    Later(Timestamp),
}

impl Look {
    /// Decided, and nothing went.
    const KEPT: Self = Self::Decided(Swept {
        looked_at: 0,
        links: 0,
        manifests: 0,
        blobs: 0,
        bytes: 0,
        objects: 0,
        later: 0,
        failed: 0,
    });
}

impl Service {
    /// The job that sweeps.
    pub fn sweep_garbage_job(&self) -> Envelope {
        self.envelope(Job::SweepGarbage)
    }

    /// Sweeps, unless another sweep of this process is under way.
    pub async fn sweep_garbage_if_idle(
        &self,
        observer: SweepObserver<'_>,
    ) -> Result<Option<Swept>> {
        match self.sweeping.try_lock() {
            Ok(_guard) => Ok(Some(self.sweep(observer).await?)),
            Err(_) => Ok(None),
        }
    }

    /// Looks at all that is due, and at what becomes due by that, until
    /// nothing more goes. Waits for another sweep of this process to end.
    pub async fn sweep_garbage(&self, observer: SweepObserver<'_>) -> Result<Swept> {
        let _guard = self.sweeping.lock().await;
        self.sweep(observer).await
    }

    async fn sweep(&self, observer: SweepObserver<'_>) -> Result<Swept> {
        let mut total = Swept::default();
        loop {
            let mut round = Swept::default();
            let end = self.sweep_round(&total, &mut round, observer).await?;
            total += round;
            if end.is_break() || !round.has_freed() {
                return Ok(total);
            }
        }
    }

    /// Looks at what is due when the round begins: a link that goes puts its
    /// blob into the queue, a blob its object, so a round follows a round.
    async fn sweep_round(
        &self,
        before: &Swept,
        round: &mut Swept,
        observer: SweepObserver<'_>,
    ) -> Result<ControlFlow<()>> {
        let horizon = self.now();
        let mut after: Option<String> = None;
        loop {
            let page = self.ports.gc.due(horizon, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(ControlFlow::Continue(()));
            };
            after = Some(last.key.clone());
            *round += self.sweep_page(page).await?;
            let mut so_far = *before;
            so_far += *round;
            if observer(so_far).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Looks at each subject once, however many entries it has.
    async fn sweep_page(&self, page: Vec<GcEntry>) -> Result<Swept> {
        let mut objects: Vec<GcEntry> = Vec::new();
        let mut subjects: HashMap<GcSubject, Vec<GcEntry>> = HashMap::new();
        for entry in page {
            if matches!(entry.subject, GcSubject::Object(_)) {
                objects.push(entry);
            } else {
                subjects
                    .entry(entry.subject.clone())
                    .or_default()
                    .push(entry);
            }
        }
        let mut swept = Swept::default();
        match self.delete_objects(&objects).await {
            Ok(done) => swept += done,
            Err(error) => {
                // One that cannot be deleted must not hold up the others.
                tracing::warn!(%error, "objects could not be deleted together");
                for entry in objects {
                    subjects.insert(entry.subject.clone(), vec![entry]);
                }
            }
        }
        let looks: Vec<_> = stream::iter(subjects)
            .map(|(subject, entries)| async move { (self.look_at(&subject).await, entries) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut decided = Vec::new();
        for (look, mut entries) in looks {
            swept.looked_at += 1;
            match look {
                Ok(Look::Decided(done)) => swept += done,
                Ok(Look::Later(due)) => {
                    swept.later += 1;
                    let due = due.max(self.now() + NOT_AT_ONCE);
                    if let Some(entry) = entries.pop() {
                        self.ports.gc.postpone(&entry, due).await?;
                    }
                }
                Err(error) => {
                    swept.failed += 1;
                    let subject = entries.pop().map(|entry| entry.subject);
                    tracing::warn!(?subject, %error, "garbage could not be looked at");
                    continue;
                }
            }
            decided.extend(entries.into_iter().map(|entry| entry.key));
        }
        self.decided(&decided).await?;
        Ok(swept)
    }

    /// Deletes objects, then their entries; a crash between repeats it.
    async fn delete_objects(&self, entries: &[GcEntry]) -> Result<Swept> {
        let keys: Vec<ObjectKey> = entries
            .iter()
            .filter_map(|entry| match entry.subject {
                GcSubject::Object(key) => Some(key),
                _ => None,
            })
            .collect();
        if keys.is_empty() {
            return Ok(Swept::default());
        }
        self.ports.blobs.delete(&keys).await?;
        let entries: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        self.decided(&entries).await?;
        Ok(Swept {
            looked_at: entries.len() as u64,
            objects: keys.len() as u64,
            ..Swept::default()
        })
    }

    async fn decided(&self, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(PAGE) {
            self.ports.gc.decided(keys).await?;
        }
        Ok(())
    }

    async fn look_at(&self, subject: &GcSubject) -> Result<Look> {
        match subject {
            GcSubject::Link(repository, digest) => self.look_at_link(repository, *digest).await,
            GcSubject::Manifest(repository, digest) => {
                self.look_at_manifest(repository, *digest).await
            }
            GcSubject::Child(repository, digest) => self.look_at_child(repository, *digest).await,
            GcSubject::Blob(digest) => self.look_at_blob(*digest).await,
            GcSubject::Object(key) => {
                self.delete_object(*key).await?;
                Ok(Look::Decided(Swept {
                    objects: 1,
                    ..Swept::default()
                }))
            }
        }
    }

    /// What the edges to `target` say now. Those that count for nothing any
    /// more are taken away.
    pub(crate) async fn need(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
    ) -> Result<Need> {
        let manifests = &self.ports.manifests;
        let (mut need, mut after) = (Need::Not, None);
        loop {
            let page = manifests.edges(repository, target, after, 100).await?;
            for edge in &page.items {
                let manifest = manifests.manifest_state(repository, edge.manifest).await?;
                match Need::by_edge(edge.nonce, manifest) {
                    Need::Needed => return Ok(Need::Needed),
                    Need::Undecided => need = Need::Undecided,
                    // A nonce never comes again.
                    Need::Not => self.delete_edges(repository, *edge, &[target]).await?,
                }
            }
            after = page.items.last().copied();
            if !page.more {
                return Ok(need);
            }
        }
    }

    /// When what enters the queue for the sake of crashes is to be looked at.
    pub(crate) fn after_grace(&self) -> Timestamp {
        self.now()
            .checked_add(self.grace())
            .unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn grace(&self) -> SignedDuration {
        SignedDuration::try_from(self.settings.grace).unwrap_or(SignedDuration::MAX)
    }

    /// When to look again at what is not decided yet.
    fn soon(&self) -> Look {
        Look::Later(
            self.now()
                .checked_add(SOON.min(self.grace()))
                .unwrap_or(Timestamp::MAX),
        )
    }
}
