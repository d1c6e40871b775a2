//! The ports do and answer what the model does and answers, whose
//! interleavings are explored: so what is found there holds here.

use berth_domain::{BlobVersion, FreshId, LinkChange, LinkState, ObjectKey};
use bytes::Bytes;
use futures_util::future::join_all;

use super::fixtures::fresh;
use super::history_calls::{NAMES, Played};
use crate::Stores;
use crate::image::seeded_bytes;
use crate::model::{CommitLink, Op, Store, Target};

suite! {
    /// Makes tests that compare the ports with the model.
    histories_suite in histories {
        random_histories_are_those_of_the_model,
    }
}

/// Histories, and calls of each.
const HISTORIES: usize = 24;
const CALLS: usize = 80;

/// Chooses calls by random bytes: mostly such as apply.
struct Chooser {
    bytes: Bytes,
    ids: Vec<u128>,
}

impl Chooser {
    fn byte(&mut self) -> u8 {
        bytes::Buf::get_u8(&mut self.bytes)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn name(&mut self) -> u8 {
        self.byte() % NAMES
    }

    fn often(&mut self) -> bool {
        !self.byte().is_multiple_of(4)
    }

    /// One of these; now and then, or if there is none, another.
    fn one_of<T: Copy>(&mut self, items: &[T], other: T) -> T {
        if items.is_empty() || !self.often() {
            return other;
        }
        items[self.below(items.len())]
    }

    /// An id that is new.
    fn fresh<Id: From<FreshId>>(&mut self) -> Id {
        let number = u128::from_str_radix(&fresh::<ObjectKey>().to_string(), 16).unwrap();
        self.ids.push(number);
        Id::from(FreshId(number))
    }

    /// An id that was given to something.
    fn earlier<Id: From<FreshId>>(&mut self) -> Id {
        let place = self.below(self.ids.len().max(1));
        Id::from(FreshId(self.ids.get(place).copied().unwrap_or(1)))
    }

    fn next(&mut self, store: &Store) -> Op {
        match self.below(8) {
            0..=2 => self.of_link(store),
            3 | 4 => self.of_manifest(store),
            5 => self.of_edge(store),
            6 => self.of_tag(store),
            _ => self.of_queue(store),
        }
    }

    fn of_link(&mut self, store: &Store) -> Op {
        let (mut r, mut d) = (self.name(), self.name());
        let pending: Vec<_> = store
            .back_edges
            .keys()
            .map(|(d, r, id)| (*r, *d, *id))
            .collect();
        let links: Vec<_> = store.links.keys().copied().collect();
        match self.below(9) {
            0 => Op::OpenSession(self.fresh()),
            1 => Op::Prepare(r, d, self.fresh()),
            2..=4 => {
                let other = (r, d, self.earlier());
                let (repository, digest, id) = self.one_of(&pending, other);
                let stored = store.blobs.get(&digest).map(|blob| blob.key);
                let other = (!self.often()).then(|| self.earlier());
                let read = self.one_of(&[stored], other);
                let sessions: Vec<_> = store.sessions.iter().copied().map(Some).collect();
                let earlier = Some(self.earlier());
                let mut session = self.one_of(&sessions, earlier);
                if read.is_some() && self.often() {
                    session = None;
                }
                Op::CommitLink(CommitLink {
                    repository,
                    digest,
                    id,
                    read,
                    session,
                })
            }
            5 => {
                let other = (r, d, self.earlier());
                let (r, d, id) = self.one_of(&pending, other);
                Op::Withdraw(r, d, id)
            }
            6 => {
                let blob = store.blobs.get(&d).copied();
                let other = BlobVersion {
                    key: self.earlier(),
                    generation: 1,
                };
                Op::DeleteBlob(d, self.one_of(&[blob.unwrap_or(other)], other))
            }
            7 => Op::EndSession(self.earlier()),
            _ => {
                (r, d) = self.one_of(&links, (r, d));
                let link = store.links.get(&(r, d));
                let token = match link.map(|link| link.state) {
                    Some(LinkState::Condemned(token)) => Some(token),
                    _ => None,
                };
                let id = link.map_or_else(|| self.earlier(), |link| link.id);
                let earlier = self.earlier();
                let change = match self.below(3) {
                    0 => LinkChange::Revive(self.one_of(&[token], Some(earlier))),
                    1 => LinkChange::Condemn(self.one_of(&[id], self.ids_of()), self.fresh()),
                    _ => LinkChange::Delete(token.unwrap_or(earlier)),
                };
                Op::ChangeLink(r, d, change)
            }
        }
    }

    fn ids_of<Id: From<FreshId>>(&self) -> Id {
        Id::from(FreshId(self.ids.first().copied().unwrap_or(1)))
    }

    fn of_manifest(&mut self, store: &Store) -> Op {
        let (r, m) = (self.name(), self.name());
        let earlier = self.earlier();
        let nonce = store.state(r, m).map_or(earlier, |(_, nonce)| nonce);
        let nonce = self.one_of(&[nonce], earlier);
        match self.below(9) {
            0 | 1 => Op::Begin(r, m, self.fresh()),
            2 | 3 => {
                let tags = (0..NAMES).filter(|_| self.often()).collect();
                Op::CommitManifest(r, m, nonce, tags)
            }
            4 => Op::Abort(r, m, nonce, self.often()),
            5 => Op::Touch(r, m),
            6 => {
                let since = store.now - i64::from(self.name());
                Op::Hide(r, m, nonce, (!self.often()).then_some(since))
            }
            7 => Op::Restore(r, m, nonce),
            _ => Op::EndDelete(r, m, nonce),
        }
    }

    fn of_edge(&mut self, store: &Store) -> Op {
        let (r, m, name) = (self.name(), self.name(), self.name());
        let target = if self.often() {
            Target::Blob(name)
        } else {
            Target::Manifest(name)
        };
        let edges: Vec<_> = store.edges.iter().copied().collect();
        let nonce = self.earlier();
        if self.often() {
            let nonce = store.state(r, m).map_or(nonce, |(_, nonce)| nonce);
            return Op::PutEdge(r, target, (m, nonce));
        }
        let (r, target, mention) = self.one_of(&edges, (r, target, (m, nonce)));
        Op::DeleteEdges(r, vec![target], mention)
    }

    fn of_tag(&mut self, store: &Store) -> Op {
        let (r, t, m) = (self.name(), self.name(), self.name());
        let earlier = self.earlier();
        if self.often() {
            let nonce = store.state(r, m).map_or(earlier, |(_, nonce)| nonce);
            return Op::PutTag(r, t, m, self.one_of(&[nonce], earlier));
        }
        let version = store.tags.get(&(r, t)).map_or(1, |(_, version)| *version);
        Op::DeleteTag(r, t, self.one_of(&[version], version + 1))
    }

    fn of_queue(&mut self, store: &Store) -> Op {
        let subjects: Vec<_> = store.queue.keys().copied().collect();
        if subjects.is_empty() {
            return Op::OpenSession(self.fresh());
        }
        let subject = subjects[self.below(subjects.len())];
        if self.often() {
            Op::Decided(0, subject)
        } else {
            Op::Postpone(0, subject)
        }
    }
}

/// All reads of all names.
fn reads() -> Vec<Op> {
    let mut reads = Vec::new();
    for one in 0..NAMES {
        reads.extend([Op::Blob(one), Op::BackEdges(one)]);
        for two in 0..NAMES {
            reads.extend([
                Op::Link(one, two),
                Op::State(one, two),
                Op::TagsOf(one, two),
                Op::Edges(one, Target::Blob(two)),
                Op::Edges(one, Target::Manifest(two)),
            ]);
        }
    }
    reads
}

/// All that is held is the model's.
async fn look(played: &Played<'_>, reads: &[Op], model: &mut Store, place: &str) {
    let found = join_all(reads.iter().map(|read| played.perform(read))).await;
    for (read, found) in reads.iter().zip(found) {
        assert_eq!(found, model.apply(read), "{place}: {read:?}");
    }
    played.assert_waiting(model).await;
}

/// Each call is answered alike, and afterwards the same is held.
pub async fn random_histories_are_those_of_the_model(stores: &Stores) {
    let reads = reads();
    let mut done = 0;
    for round in 0..HISTORIES {
        let played = Played::new(stores, round).await;
        let mut model = Store::default();
        let seed = u64::try_from(round).unwrap();
        let mut chooser = Chooser {
            bytes: seeded_bytes(seed, 0..100 * CALLS as u64),
            ids: Vec::new(),
        };
        for number in 0..CALLS {
            if chooser.byte().is_multiple_of(8) {
                stores.later();
                model.now += 1;
            }
            let op = chooser.next(&model);
            if let Op::Decided(sweeper, subject) | Op::Postpone(sweeper, subject) = op {
                model.apply(&Op::Take(sweeper, subject));
            }
            let expected = model.apply(&op);
            let found = played.perform(&op).await;
            assert_eq!(found, expected, "history {round}, call {number}: {op:?}");
            done += usize::from(expected != crate::model::Answer::Conflict);
            if (number + 1).is_multiple_of(stores.calls_a_look) {
                let place = format!("history {round}, after call {number}: {op:?}");
                look(&played, &reads, &mut model, &place).await;
            }
        }
        played.clear().await;
    }
    assert!(done > HISTORIES * CALLS / 3, "only {done} calls applied");
}
