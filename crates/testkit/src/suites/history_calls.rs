//! The model's calls as calls of the ports, and what these answer as the model
//! has it.

#![expect(
    clippy::panic,
    reason = "a history that cannot be played is a mistake of its test"
)]

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use berth_domain::{
    Begun, Blob, BlobVersion, Edge, EdgeTarget, Envelope, Expect, FreshId, Job, JobId, LinkChange,
    Manifest, Nonce, ObjectKey, ProjectId, UploadId, UploadSession, Version, WriteState,
};
use berth_oci::{Algorithm, Digest, RepositoryName, TagName};
use berth_ports::{
    BeginDelete, CommitLink, DeleteEnd, GcEntry, GcSubject, LinkSource, StoreResult,
};
use jiff::Timestamp;

use super::fixtures::{commit, digest, fresh, tag};
use crate::Stores;
use crate::model::{self, Answer, Op, Subject, Target};

/// Numbers below this are names.
pub(super) const NAMES: u8 = 2;

/// A store's part of one history, whose names no other has.
pub(super) struct Played<'a> {
    pub(super) stores: &'a Stores,
    round: usize,
    repositories: Vec<RepositoryName>,
    begun: Timestamp,
    /// The version that each tag began with: the model's begin with 1.
    tags: Mutex<HashMap<(u8, u8), u64>>,
}

/// The upload session that owns an object, in the model.
fn upload(key: ObjectKey) -> UploadId {
    let number = u128::from_str_radix(&key.to_string(), 16).unwrap();
    UploadId::from(FreshId(number))
}

fn answer(result: StoreResult<()>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(berth_ports::StoreError::Conflict(_) | berth_ports::StoreError::NotFound(_)) => {
            Answer::Conflict
        }
        Err(error) => panic!("{error}"),
    }
}

impl<'a> Played<'a> {
    pub(super) async fn new(stores: &'a Stores, round: usize) -> Self {
        let mut repositories = Vec::new();
        for number in 0..NAMES {
            let name = format!("a/r{round}/{number}");
            repositories.push(stores.make_repository(&name).await);
        }
        Self {
            stores,
            round,
            repositories,
            begun: stores.now(),
            tags: Mutex::default(),
        }
    }

    fn repository(&self, r: u8) -> &RepositoryName {
        &self.repositories[usize::from(r)]
    }

    fn text(&self, kind: &str, number: u8) -> String {
        format!("{kind} {number} of {}", self.round)
    }

    fn blob(&self, d: u8) -> Digest {
        digest(&self.text("blob", d))
    }

    fn name_of_manifest(&self, m: u8) -> Digest {
        digest(&self.text("manifest", m))
    }

    fn tag(t: u8) -> TagName {
        tag(&format!("t{t}"))
    }

    fn manifest(&self, r: u8, m: u8, nonce: Nonce) -> Manifest {
        let text = self.text("manifest", m);
        Manifest {
            nonce,
            ..self.stores.manifest(self.repository(r), &text)
        }
    }

    fn target(&self, target: Target) -> EdgeTarget {
        match target {
            Target::Blob(d) => EdgeTarget::Blob(self.blob(d)),
            Target::Manifest(m) => EdgeTarget::Manifest(self.name_of_manifest(m)),
        }
    }

    fn edge(&self, (m, nonce): (u8, Nonce)) -> Edge {
        Edge {
            manifest: self.name_of_manifest(m),
            nonce,
        }
    }

    fn subject(&self, subject: Subject) -> GcSubject {
        let repository = |r| self.repository(r).clone();
        match subject {
            Subject::Link(r, d) => GcSubject::Link(repository(r), self.blob(d)),
            Subject::Manifest(r, m) => GcSubject::Manifest(repository(r), self.name_of_manifest(m)),
            Subject::Child(r, m) => GcSubject::Child(repository(r), self.name_of_manifest(m)),
            Subject::Blob(d) => GcSubject::Blob(self.blob(d)),
            Subject::Object(key) => GcSubject::Object(key),
        }
    }

    fn job(&self, job: model::Job) -> Job {
        match job {
            model::Job::DeleteObject(key) => Job::DeleteObject { key },
            model::Job::Unlink(r, m, nonce) => Job::Unlink {
                repository: self.repository(r).clone(),
                manifest: self.name_of_manifest(m),
                nonce,
                blobs: Vec::new(),
                children: Vec::new(),
            },
        }
    }

    fn envelope(&self, job: model::Job) -> Vec<Envelope> {
        vec![Envelope::new(fresh::<JobId>(), self.job(job))]
    }

    fn seconds(&self, at: Timestamp) -> i64 {
        at.duration_since(self.begun).as_secs()
    }

    async fn entries(&self) -> Vec<GcEntry> {
        self.stores
            .gc
            .due(Timestamp::MAX, None, 1000)
            .await
            .unwrap()
    }

    /// Performs a call.
    pub(super) async fn perform(&self, op: &Op) -> Answer {
        match op {
            Op::Link(..)
            | Op::Blob(_)
            | Op::BackEdges(_)
            | Op::Edges(..)
            | Op::State(..)
            | Op::TagsOf(..) => self.read(op).await,
            Op::Prepare(..)
            | Op::CommitLink(_)
            | Op::Withdraw(..)
            | Op::ChangeLink(..)
            | Op::DeleteBlob(..)
            | Op::OpenSession(_)
            | Op::EndSession(_) => self.change_blob(op).await,
            Op::Postpone(_, subject) | Op::Decided(_, subject) => {
                self.leave_queue(*subject, matches!(op, Op::Postpone(..)))
                    .await
            }
            Op::Take(..) | Op::DeleteObject(_) | Op::Acknowledge(_) => Answer::Done,
            _ => self.change_manifest(op).await,
        }
    }

    async fn read(&self, op: &Op) -> Answer {
        let (links, manifests) = (&self.stores.links, &self.stores.manifests);
        match *op {
            Op::Link(r, d) => {
                let link = links.link(self.repository(r), self.blob(d)).await.unwrap();
                Answer::Link(link.map(|link| model::Link {
                    id: link.id,
                    state: link.state,
                    key: link.key,
                    touched: self.seconds(link.touched_at),
                }))
            }
            Op::Blob(d) => {
                let blob = links.blob(self.blob(d)).await.unwrap();
                Answer::Blob(blob.map(|blob| blob.version()))
            }
            Op::BackEdges(d) => {
                let found = self.stores.back_edges(self.blob(d)).await;
                let number = |name| self.repositories.iter().position(|one| one == name);
                let mut found: Vec<_> = found
                    .iter()
                    .map(|edge| (number(&edge.repository).unwrap(), edge.id, edge.linked))
                    .map(|(r, id, linked)| (u8::try_from(r).unwrap(), id, linked))
                    .collect();
                found.sort_unstable();
                Answer::BackEdges(found)
            }
            Op::Edges(r, target) => {
                let target = self.target(target);
                let page = manifests.edges(self.repository(r), target, None, 100);
                let number = |of| (0..NAMES).find(|m| self.name_of_manifest(*m) == of);
                let mut found: Vec<_> = page
                    .await
                    .unwrap()
                    .items
                    .iter()
                    .map(|edge| (number(edge.manifest).unwrap(), edge.nonce))
                    .collect();
                found.sort_unstable();
                Answer::Edges(found)
            }
            Op::State(r, m) => Answer::State(
                manifests
                    .manifest_state(self.repository(r), self.name_of_manifest(m))
                    .await
                    .unwrap(),
            ),
            Op::TagsOf(r, m) => Answer::Tags(self.tags_of(r, m).await),
            _ => panic!("{op:?} is no read"),
        }
    }

    async fn tags_of(&self, r: u8, m: u8) -> Vec<(u8, u8)> {
        let (tags, name) = (&self.stores.tags, self.name_of_manifest(m));
        let page = tags.tags_of(self.repository(r), name, None, 100).await;
        let number = |name: &TagName| (0..NAMES).find(|t| Self::tag(*t) == *name).unwrap();
        let found = page.unwrap().items;
        found
            .iter()
            .map(|(name, tag)| {
                let name = number(name);
                let first = self.first_version((r, name), tag.version);
                (name, u8::try_from(tag.version.0 - first).unwrap() + 1)
            })
            .collect()
    }

    /// The version that a tag began with, 1 if there is none.
    async fn look_at_tag(&self, r: u8, t: u8) -> u64 {
        let (tags, repository) = (&self.stores.tags, self.repository(r));
        let found = tags.tag(repository, &Self::tag(t)).await.unwrap();
        found.map_or(1, |tag| self.first_version((r, t), tag.version))
    }

    /// The version that a tag began with. One that is not a few writes behind
    /// this one was another tag's.
    fn first_version(&self, tag: (u8, u8), version: Version) -> u64 {
        let mut tags = self.tags.lock().unwrap();
        let first = tags.entry(tag).or_insert(version.0);
        if version
            .0
            .checked_sub(*first)
            .is_none_or(|writes| writes > 200)
        {
            *first = version.0;
        }
        *first
    }

    async fn change_blob(&self, op: &Op) -> Answer {
        let (links, now) = (&self.stores.links, self.stores.now());
        match op {
            Op::Prepare(r, d, id) => answer(
                links
                    .prepare_link(self.repository(*r), self.blob(*d), *id, now)
                    .await,
            ),
            Op::Withdraw(r, d, id) => answer(
                links
                    .withdraw_link(self.repository(*r), self.blob(*d), *id)
                    .await,
            ),
            Op::CommitLink(commit) => self.commit_link(commit).await,
            Op::ChangeLink(r, d, change) => {
                let (r, d) = (self.repository(*r), self.blob(*d));
                answer(match *change {
                    LinkChange::Revive(token) => links.revive_link(r, d, token, now).await,
                    LinkChange::Condemn(id, token) => links.condemn_link(r, d, id, token).await,
                    LinkChange::Delete(token) => links.delete_link(r, d, token, now).await,
                })
            }
            Op::DeleteBlob(d, BlobVersion { key, generation }) => {
                let blob = Blob {
                    digest: self.blob(*d),
                    key: *key,
                    size: 1,
                    generation: *generation,
                };
                answer(links.delete_blob(&blob, now).await)
            }
            Op::OpenSession(key) => {
                let session = UploadSession {
                    id: upload(*key),
                    repository: self.repository(0).clone(),
                    key: *key,
                    epoch: 1,
                    state: WriteState::new(Algorithm::Sha256),
                    created_at: now,
                    touched_at: now,
                };
                answer(self.stores.uploads.create_upload(&session).await)
            }
            Op::EndSession(key) => {
                let jobs = self.envelope(model::Job::DeleteObject(*key));
                answer(
                    self.stores
                        .uploads
                        .delete_upload(upload(*key), 1, &jobs)
                        .await,
                )
            }
            _ => panic!("{op:?} is about no blob"),
        }
    }

    async fn commit_link(&self, commit: &model::CommitLink) -> Answer {
        let digest = self.blob(commit.digest);
        let source = match (commit.read, commit.session) {
            (Some(key), _) => LinkSource::Blob(Blob {
                digest,
                key,
                size: 1,
                generation: 1,
            }),
            (None, Some(key)) => LinkSource::NewBlob { key, size: 1 },
            (None, None) => panic!("a new blob comes with a session"),
        };
        let needless = commit.session.filter(|_| commit.read.is_some());
        let jobs = needless.map(|key| self.envelope(model::Job::DeleteObject(key)));
        let commit = CommitLink {
            repository: self.repository(commit.repository).clone(),
            project: ProjectId(1),
            digest,
            id: commit.id,
            source,
            session: commit.session.map(|key| (upload(key), 1)),
            jobs: jobs.unwrap_or_default(),
            now: self.stores.now(),
        };
        Answer::Committed(self.stores.links.commit_link(&commit).await.unwrap())
    }

    async fn change_manifest(&self, op: &Op) -> Answer {
        let (manifests, now) = (&self.stores.manifests, self.stores.now());
        let at = |r: &u8, m: &u8| (self.repository(*r), self.name_of_manifest(*m));
        answer(match op {
            Op::Begin(r, m, nonce) => {
                let (r, m) = at(r, m);
                let begun = manifests.begin_manifest(r, m, *nonce, now).await.unwrap();
                return Answer::Begun(match begun {
                    Begun::Started => Begun::Started,
                    Begun::Joined(nonce) => Begun::Joined(nonce),
                    Begun::Live(manifest) => Begun::Live(manifest.nonce),
                    Begun::Deleting => Begun::Deleting,
                });
            }
            Op::PutEdge(r, target, mention) => {
                let targets = [self.target(*target)];
                manifests
                    .put_edges(self.repository(*r), self.edge(*mention), &targets)
                    .await
            }
            Op::DeleteEdges(r, targets, mention) => {
                let targets: Vec<_> = targets.iter().map(|one| self.target(*one)).collect();
                manifests
                    .delete_edges(self.repository(*r), self.edge(*mention), &targets, now)
                    .await
            }
            Op::CommitManifest(r, m, nonce, tags) => {
                let mut commit = commit(&self.manifest(*r, *m, *nonce), &[]);
                commit.tags = tags.iter().map(|t| Self::tag(*t)).collect();
                let committed = manifests.commit_manifest(&commit).await;
                for t in tags {
                    self.look_at_tag(*r, *t).await;
                }
                committed
            }
            Op::Abort(r, m, nonce, unlink) => {
                let job = self.envelope(model::Job::Unlink(*r, *m, *nonce));
                let jobs = if *unlink { &job[..] } else { &[] };
                let (r, m) = at(r, m);
                manifests.abort_manifest(r, m, *nonce, jobs).await
            }
            Op::Touch(r, m) => {
                let (r, m) = at(r, m);
                manifests.touch_manifest(r, m, now).await
            }
            Op::Hide(r, m, nonce, since) => {
                let since = since.map(|s| self.begun + Duration::from_secs(s.unsigned_abs()));
                let deletion = BeginDelete {
                    untouched_since: since,
                    due: now,
                };
                let (r, m) = at(r, m);
                manifests.begin_delete(r, m, *nonce, &deletion).await
            }
            Op::Restore(r, m, nonce) => {
                let (r, m) = at(r, m);
                manifests
                    .end_delete(r, m, *nonce, &DeleteEnd::Restored)
                    .await
            }
            Op::EndDelete(r, m, nonce) => {
                let end = DeleteEnd::Gone(self.envelope(model::Job::Unlink(*r, *m, *nonce)));
                let (r, m) = at(r, m);
                manifests.end_delete(r, m, *nonce, &end).await
            }
            Op::PutTag(r, t, m, nonce) => {
                let manifest = self.manifest(*r, *m, *nonce);
                let tags = &self.stores.tags;
                let put = tags.put_tags(&manifest, &[Self::tag(*t)], now).await;
                self.look_at_tag(*r, *t).await;
                put
            }
            Op::DeleteTag(r, t, version) => {
                let (tags, repository) = (&self.stores.tags, self.repository(*r));
                let first = self.look_at_tag(*r, *t).await;
                let expect = Expect::Version(Version(first - 1 + u64::from(*version)));
                tags.delete_tag(repository, &Self::tag(*t), expect).await
            }
            _ => panic!("{op:?} is about no manifest"),
        })
    }

    async fn leave_queue(&self, subject: Subject, again: bool) -> Answer {
        let subject = self.subject(subject);
        let mut entries = self.entries().await;
        entries.retain(|entry| entry.subject == subject);
        if again && let Some(entry) = entries.pop() {
            let now = self.stores.now();
            self.stores.gc.postpone(&entry, now).await.unwrap();
        }
        let keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
        answer(self.stores.gc.decided(&keys).await)
    }

    /// What is in the queue, and the jobs that wait, are the model's.
    pub(super) async fn assert_waiting(&self, model: &model::Store) {
        let expected: HashSet<_> = model.queue.keys().map(|one| self.subject(*one)).collect();
        let found = self.entries().await;
        let found: HashSet<_> = found.into_iter().map(|entry| entry.subject).collect();
        assert_eq!(found, expected);
        let mut jobs: Vec<_> = model.jobs.iter().map(|job| self.job(*job)).collect();
        for envelope in self.stores.unsent().await {
            let place = jobs.iter().position(|job| *job == envelope.job);
            assert!(place.is_some(), "{envelope:?} is not in the model");
            jobs.swap_remove(place.unwrap());
        }
        assert_eq!(jobs, [], "in the model, not in the outbox");
    }

    /// Makes room for the next history.
    pub(super) async fn clear(&self) {
        let keys: Vec<_> = self.entries().await.into_iter().map(|e| e.key).collect();
        self.stores.gc.decided(&keys).await.unwrap();
        for envelope in self.stores.unsent().await {
            self.stores.outbox.sent(envelope.id).await.unwrap();
        }
    }
}
