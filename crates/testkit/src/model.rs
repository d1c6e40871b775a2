//! The store as the protocol of garbage collection sees it, with small numbers
//! for names: what the exploration in `tests/garbage.rs` runs over, and what
//! the suite `histories` compares each adapter with.
//!
//! The transitions are those of `berth_domain`, which the adapters use too.

use std::collections::{BTreeMap, BTreeSet};

use berth_domain::{
    Begun, BlobVersion, LinkChange, LinkCommit, LinkCommitFinds, LinkId, LinkState, LinkToken,
    ManifestChange, ManifestState, Nonce, ObjectKey,
};

/// What an edge leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A blob.
    Blob(u8),
    /// A manifest.
    Manifest(u8),
}

/// Who an edge comes from, and under which nonce.
pub type Mention = (u8, Nonce);

/// A manifest in any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Manifest {
    /// Its state.
    pub state: ManifestState,
    /// Its nonce.
    pub nonce: Nonce,
    /// When a pusher was last promised it.
    pub touched: i64,
}

/// A blob's visibility in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// This life of it.
    pub id: LinkId,
    /// Its state.
    pub state: LinkState,
    /// The blob's object.
    pub key: ObjectKey,
    /// When a pusher was last promised it.
    pub touched: i64,
}

/// What an entry of the queue is about. The first number is the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A link.
    Link(u8, u8),
    /// A manifest that a push or deletion may have left.
    Manifest(u8, u8),
    /// A manifest that lost an index.
    Child(u8, u8),
    /// A blob.
    Blob(u8),
    /// An object.
    Object(ObjectKey),
}

/// What waits to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// The edges of a manifest of a repository are to go.
    Unlink(u8, u8, Nonce),
    /// An object is to go.
    DeleteObject(ObjectKey),
}

/// All that is stored. Numbers are, in this order: repository, digest or tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    /// Manifests.
    pub manifests: BTreeMap<(u8, u8), Manifest>,
    /// Edges.
    pub edges: BTreeSet<(u8, Target, Mention)>,
    /// The manifest that a tag names, and the tag's version.
    pub tags: BTreeMap<(u8, u8), (u8, u8)>,
    /// Links.
    pub links: BTreeMap<(u8, u8), Link>,
    /// Blobs.
    pub blobs: BTreeMap<u8, BlobVersion>,
    /// By blob, repository and link: whether it is linked.
    pub back_edges: BTreeMap<(u8, u8, LinkId), bool>,
    /// Finished objects.
    pub objects: BTreeSet<ObjectKey>,
    /// Upload sessions, each named by the object that it owns.
    pub sessions: BTreeSet<ObjectKey>,
    /// For each subject, which groups of sweepers hold one of its entries: bit
    /// 0 for an entry that none holds, bit 1 for one that the first holds,
    /// bit 2 for the second, bit 3 for both.
    pub queue: BTreeMap<Subject, u8>,
    /// Jobs that were not acknowledged.
    pub jobs: BTreeSet<Job>,
    /// The time.
    pub now: i64,
}

/// A call of a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Reads a link.
    Link(u8, u8),
    /// Reads a blob.
    Blob(u8),
    /// Lists a blob's back-edges.
    BackEdges(u8),
    /// Lists a target's edges.
    Edges(u8, Target),
    /// Reads a manifest's state and nonce.
    State(u8, u8),
    /// Lists the tags of a manifest.
    TagsOf(u8, u8),
    /// Puts an entry for a link and a pending back-edge.
    Prepare(u8, u8, LinkId),
    /// Commits a link.
    CommitLink(CommitLink),
    /// Takes a pending back-edge away.
    Withdraw(u8, u8, LinkId),
    /// Changes a link. One that goes leaves an entry for its blob.
    ChangeLink(u8, u8, LinkChange),
    /// Deletes a blob that is as it was read.
    DeleteBlob(u8, BlobVersion),
    /// Begins a manifest.
    Begin(u8, u8, Nonce),
    /// Puts an edge.
    PutEdge(u8, Target, Mention),
    /// Deletes edges, and puts entries for their targets.
    DeleteEdges(u8, Vec<Target>, Mention),
    /// Makes a manifest live, with tags.
    CommitManifest(u8, u8, Nonce, Vec<u8>),
    /// Gives a pending manifest up, with a job for its edges if so.
    Abort(u8, u8, Nonce, bool),
    /// Promises a live manifest.
    Touch(u8, u8),
    /// Hides a live manifest, if it was not promised at this time or later.
    Hide(u8, u8, Nonce, Option<i64>),
    /// Restores a manifest that is being deleted.
    Restore(u8, u8, Nonce),
    /// Ends the deletion of a manifest, with a job for its edges.
    EndDelete(u8, u8, Nonce),
    /// Sets a tag to a live manifest.
    PutTag(u8, u8, u8, Nonce),
    /// Deletes a tag at a version.
    DeleteTag(u8, u8, u8),
    /// Opens a session, and finishes its object.
    OpenSession(ObjectKey),
    /// Ends a session; its object is to go.
    EndSession(ObjectKey),
    /// Deletes an object.
    DeleteObject(ObjectKey),
    /// Lets a sweeper (0 or 1) hold the entries of a subject.
    Take(u8, Subject),
    /// Puts the subject whose entries a sweeper holds into the queue again.
    Postpone(u8, Subject),
    /// Takes the entries that a sweeper holds away.
    Decided(u8, Subject),
    /// Takes a job away.
    Acknowledge(Job),
}

/// A commit of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitLink {
    /// The repository.
    pub repository: u8,
    /// The blob.
    pub digest: u8,
    /// The link's id.
    pub id: LinkId,
    /// The object of the blob as it was read.
    pub read: Option<ObjectKey>,
    /// The session that ends with it, and whose object becomes the blob if
    /// there is none, and is to go if there is one.
    pub session: Option<ObjectKey>,
}

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is done.
    Done,
    /// It does not apply.
    Conflict,
    /// A link.
    Link(Option<Link>),
    /// A blob.
    Blob(Option<BlobVersion>),
    /// Back-edges by repository and link.
    BackEdges(Vec<(u8, LinkId, bool)>),
    /// Edges by manifest and nonce.
    Edges(Vec<Mention>),
    /// A manifest's state.
    State(Option<(ManifestState, Nonce)>),
    /// Tags with their versions.
    Tags(Vec<(u8, u8)>),
    /// How a link's commit ended.
    Committed(LinkCommit),
    /// What a try to push found; of a live manifest the nonce.
    Begun(Begun<Nonce>),
    /// What a sweeper or worker was given.
    Subject(Subject),
    /// A job.
    Job(Job),
}

impl Store {
    /// Performs a call.
    pub fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::Link(..)
            | Op::Blob(_)
            | Op::BackEdges(_)
            | Op::Edges(..)
            | Op::State(..)
            | Op::TagsOf(..) => return self.read(op),
            Op::Begin(r, m, nonce) => return Answer::Begun(self.begin(*r, *m, *nonce)),
            Op::CommitLink(commit) => return Answer::Committed(self.commit_link(commit)),
            _ => {}
        }
        if self.write(op) {
            Answer::Done
        } else {
            Answer::Conflict
        }
    }

    fn read(&self, op: &Op) -> Answer {
        match *op {
            Op::Link(r, d) => Answer::Link(self.links.get(&(r, d)).copied()),
            Op::Blob(d) => Answer::Blob(self.blobs.get(&d).copied()),
            Op::BackEdges(d) => Answer::BackEdges(
                self.back_edges
                    .iter()
                    .filter(|((of, ..), _)| *of == d)
                    .map(|((_, r, id), linked)| (*r, *id, *linked))
                    .collect(),
            ),
            Op::Edges(r, target) => Answer::Edges(
                self.edges
                    .iter()
                    .filter(|(of, to, _)| (*of, *to) == (r, target))
                    .map(|(.., mention)| *mention)
                    .collect(),
            ),
            Op::TagsOf(r, m) => Answer::Tags(
                self.tags
                    .iter()
                    .filter(|((of, _), (named, _))| (*of, *named) == (r, m))
                    .map(|((_, tag), (_, version))| (*tag, *version))
                    .collect(),
            ),
            Op::State(r, m) => Answer::State(self.state(r, m)),
            _ => Answer::Conflict,
        }
    }

    /// A manifest's state and nonce.
    pub fn state(&self, r: u8, m: u8) -> Option<(ManifestState, Nonce)> {
        let stored = self.manifests.get(&(r, m));
        stored.map(|manifest| (manifest.state, manifest.nonce))
    }

    /// Puts an entry into the queue.
    fn enqueue(&mut self, subject: Subject) {
        *self.queue.entry(subject).or_default() |= 1;
    }

    /// `false`: it does not apply, and nothing has changed.
    fn write(&mut self, op: &Op) -> bool {
        match op {
            Op::Prepare(r, d, id) => {
                self.enqueue(Subject::Link(*r, *d));
                self.back_edges.insert((*d, *r, *id), false);
            }
            Op::Withdraw(r, d, id) => {
                let back_edge = (*d, *r, *id);
                if self.back_edges.get(&back_edge) == Some(&false) {
                    self.back_edges.remove(&back_edge);
                }
            }
            Op::ChangeLink(r, d, change) => return self.change_link(*r, *d, *change),
            Op::DeleteBlob(d, read) => {
                if self.blobs.get(d) != Some(read) {
                    return false;
                }
                self.blobs.remove(d);
                self.enqueue(Subject::Object(read.key));
            }
            Op::PutEdge(r, target, mention) => {
                self.edges.insert((*r, *target, *mention));
            }
            Op::DeleteEdges(r, targets, mention) => {
                for target in targets {
                    self.edges.remove(&(*r, *target, *mention));
                    self.enqueue(match target {
                        Target::Blob(d) => Subject::Link(*r, *d),
                        Target::Manifest(m) => Subject::Child(*r, *m),
                    });
                }
            }
            Op::OpenSession(key) => {
                self.sessions.insert(*key);
                self.objects.insert(*key);
            }
            Op::EndSession(key) => {
                if !self.sessions.remove(key) {
                    return false;
                }
                self.jobs.insert(Job::DeleteObject(*key));
            }
            Op::DeleteObject(key) => {
                self.objects.remove(key);
            }
            Op::Acknowledge(job) => {
                self.jobs.remove(job);
            }
            Op::Take(sweeper, subject) => self.regroup(*subject, |group| group | (1 << sweeper)),
            Op::Decided(sweeper, subject) | Op::Postpone(sweeper, subject) => {
                self.drop_held(*sweeper, *subject);
                if matches!(op, Op::Postpone(..)) {
                    self.enqueue(*subject);
                }
            }
            _ => return self.write_manifest(op),
        }
        true
    }

    fn write_manifest(&mut self, op: &Op) -> bool {
        match op {
            Op::CommitManifest(r, m, nonce, tags) => {
                let done = self.change_manifest(*r, *m, *nonce, ManifestChange::Commit);
                if done {
                    self.touch(*r, *m);
                    for tag in tags {
                        self.set_tag(*r, *m, *tag);
                    }
                }
                done
            }
            Op::Abort(r, m, nonce, unlink) => {
                let done = self.change_manifest(*r, *m, *nonce, ManifestChange::Abort);
                if done && *unlink {
                    self.jobs.insert(Job::Unlink(*r, *m, *nonce));
                }
                done
            }
            Op::Touch(r, m) => {
                if matches!(self.state(*r, *m), Some((ManifestState::Live, _))) {
                    self.touch(*r, *m);
                }
                true
            }
            Op::Hide(r, m, nonce, untouched_since) => {
                let touched = self.manifests.get(&(*r, *m)).map(|stored| stored.touched);
                let promised = untouched_since.is_some_and(|since| touched >= Some(since));
                let done = !promised && self.change_manifest(*r, *m, *nonce, ManifestChange::Hide);
                if done {
                    self.enqueue(Subject::Manifest(*r, *m));
                }
                done
            }
            Op::Restore(r, m, nonce) => {
                self.change_manifest(*r, *m, *nonce, ManifestChange::Restore)
            }
            Op::EndDelete(r, m, nonce) => {
                let done = self.change_manifest(*r, *m, *nonce, ManifestChange::End);
                if done {
                    self.jobs.insert(Job::Unlink(*r, *m, *nonce));
                }
                done
            }
            Op::PutTag(r, tag, m, nonce) => {
                let live = self.state(*r, *m) == Some((ManifestState::Live, *nonce));
                if live {
                    self.set_tag(*r, *m, *tag);
                }
                live
            }
            Op::DeleteTag(r, tag, version) => {
                let found = self.tags.get(&(*r, *tag)).map(|(_, version)| *version);
                let same = found == Some(*version);
                if same {
                    self.tags.remove(&(*r, *tag));
                }
                same
            }
            _ => false,
        }
    }

    fn begin(&mut self, r: u8, m: u8, nonce: Nonce) -> Begun<Nonce> {
        let stored = self.state(r, m);
        let begun = Begun::find(stored);
        if begun == Begun::Started {
            let pending = Manifest {
                state: ManifestState::Pending,
                nonce,
                touched: 0,
            };
            self.manifests.insert((r, m), pending);
            self.enqueue(Subject::Manifest(r, m));
        }
        let live = stored.map_or(nonce, |(_, nonce)| nonce);
        let Ok(begun) = begun.with_live(|| Ok::<_, std::convert::Infallible>(live));
        begun
    }

    fn change_manifest(&mut self, r: u8, m: u8, nonce: Nonce, change: ManifestChange) -> bool {
        if !change.applies(self.state(r, m), nonce) {
            return false;
        }
        match (change.leads_to(), self.manifests.get_mut(&(r, m))) {
            (Some(state), Some(manifest)) => manifest.state = state,
            _ => {
                self.manifests.remove(&(r, m));
            }
        }
        true
    }

    fn touch(&mut self, r: u8, m: u8) {
        if let Some(manifest) = self.manifests.get_mut(&(r, m)) {
            manifest.touched = self.now;
        }
    }

    fn set_tag(&mut self, r: u8, m: u8, tag: u8) {
        let version = self.tags.get(&(r, tag)).map_or(0, |(_, version)| *version);
        self.tags.insert((r, tag), (m, version + 1));
    }

    fn commit_link(&mut self, commit: &CommitLink) -> LinkCommit {
        let CommitLink {
            repository: r,
            digest: d,
            id,
            read,
            session,
        } = *commit;
        let stored = self.blobs.get(&d).copied();
        let finds = LinkCommitFinds {
            blob: stored.map(|blob| blob.key),
            link: self.links.contains_key(&(r, d)),
            back_edge: self.back_edges.get(&(d, r, id)).copied(),
            is_at_epoch: session.is_none_or(|session| self.sessions.contains(&session)),
        };
        let outcome = finds.outcome(read);
        let (LinkCommit::Done, Some(key)) = (outcome, read.or(session)) else {
            return outcome;
        };
        let blob = BlobVersion::after_link(stored, key);
        self.blobs.insert(d, blob);
        self.back_edges.insert((d, r, id), true);
        let link = Link {
            id,
            state: LinkState::Live,
            key: blob.key,
            touched: self.now,
        };
        self.links.insert((r, d), link);
        if let Some(session) = session {
            self.sessions.remove(&session);
            if session != key {
                self.jobs.insert(Job::DeleteObject(session));
            }
        }
        LinkCommit::Done
    }

    fn change_link(&mut self, r: u8, d: u8, change: LinkChange) -> bool {
        let stored = self.links.get_mut(&(r, d));
        let Some(link) = stored.filter(|link| change.applies(Some((link.id, link.state)))) else {
            return false;
        };
        if let Some(state) = change.leads_to() {
            link.state = state;
            if matches!(change, LinkChange::Revive(_)) {
                link.touched = self.now;
            }
            return true;
        }
        let id = link.id;
        self.links.remove(&(r, d));
        self.back_edges.remove(&(d, r, id));
        self.enqueue(Subject::Blob(d));
        true
    }

    /// Moves each group of holders of a subject's entries to another.
    fn regroup(&mut self, subject: Subject, to: impl Fn(u8) -> u8) {
        if let Some(groups) = self.queue.get_mut(&subject) {
            *groups = (0..4)
                .filter(|group| *groups & (1 << group) != 0)
                .fold(0, |all, group| all | (1 << to(group)));
        }
    }

    fn drop_held(&mut self, sweeper: u8, subject: Subject) {
        if let Some(groups) = self.queue.get_mut(&subject) {
            *groups = (0..4)
                .filter(|group| *groups & (1 << group) != 0 && group & (1 << sweeper) == 0)
                .fold(0, |all, group| all | (1 << group));
            if *groups == 0 {
                self.queue.remove(&subject);
            }
        }
    }

    /// Nobody holds an entry any more: a sweeper died.
    pub fn release(&mut self, sweeper: u8) {
        let subjects: Vec<_> = self.queue.keys().copied().collect();
        for subject in subjects {
            self.regroup(subject, |group| group & !(1 << sweeper));
        }
    }
}

/// An id of any kind that is made from a number.
pub fn id<Id: From<berth_domain::FreshId>>(number: u128) -> Id {
    Id::from(berth_domain::FreshId(number))
}

/// The token of a condemnation, if the link is condemned.
pub const fn token(state: LinkState) -> Option<LinkToken> {
    match state {
        LinkState::Live => None,
        LinkState::Condemned(token) => Some(token),
    }
}
