//! The store, the actors, and what the actors do not see yet of each other's
//! transactions.

use std::collections::{BTreeMap, BTreeSet};

use berth_domain::{LinkChange, LinkCommit, LinkId, LinkState};
use berth_testkit::model::{Answer, Job, Link, Manifest, Op, Store, Subject};

use crate::actors::{End, perform};
use crate::mutants::Mutant;
use crate::replay::{Standing, Wish, run};
use crate::scenarios::{Scenario, Task};

/// What an item was before a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    Manifest((u8, u8), Option<Manifest>),
    Tag((u8, u8), Option<(u8, u8)>),
    Link((u8, u8), Option<Link>),
    Blob(u8, Option<berth_domain::BlobVersion>),
    BackEdge((u8, u8, LinkId), Option<bool>),
}

/// An item that others may still see as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lag {
    /// Whose transaction changed it: who goes on after it sees all of it.
    owner: usize,
    item: Item,
}

/// Who does one task after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    task: u8,
    again: bool,
    issued: u32,
    /// What it has been answered since the task, or the try, began.
    answers: Vec<Answer>,
    /// The time when it began.
    since: i64,
    /// Whether nobody was deleting then what it pushes.
    undisturbed: bool,
    /// `None`: it has ended.
    wish: Option<Wish>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub store: Store,
    lag: Vec<Lag>,
    pub actors: Vec<Actor>,
    crashes: u8,
    ticks: i64,
    /// Until when the links are promised.
    pub promised: BTreeMap<(u8, u8), i64>,
    /// Manifests that were pushed with nobody about to delete them.
    pub pushed: BTreeSet<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// An actor's next call; the number says which entry or job it gets, or
    /// which of the items that lag it sees as they are now.
    Step(usize, usize),
    Crash(usize),
    Tick,
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut store = Store {
            now: 10,
            ..Store::default()
        };
        for (number, task) in scenario.before.iter().enumerate() {
            alone(scenario, &mut store, *task, 50 + number, 0, None);
        }
        let actor = Actor {
            task: 0,
            again: false,
            issued: 0,
            answers: Vec::new(),
            since: 0,
            undisturbed: true,
            wish: None,
        };
        let mut world = Self {
            store,
            lag: Vec::new(),
            actors: vec![actor; scenario.actors.len()],
            crashes: scenario.crashes,
            ticks: scenario.ticks,
            promised: BTreeMap::new(),
            pushed: BTreeSet::new(),
        };
        for number in 0..world.actors.len() {
            world.begin(scenario, number);
        }
        for (number, tasks) in scenario.actors.iter().enumerate() {
            if let Some(task) = tasks.first() {
                world.actors[number].undisturbed = !world.is_disturbed(scenario, *task);
            }
        }
        world
    }

    pub(crate) fn actions(&self, actions: &mut Vec<Action>) {
        for (number, actor) in self.actors.iter().enumerate() {
            let choices = match &actor.wish {
                None => continue,
                Some(Wish::AnySubject) => self.store.queue.len(),
                Some(Wish::AnyJob) => self.store.jobs.len(),
                Some(Wish::Call(op)) => 1 << self.lagging(number, op).count(),
            };
            actions.extend((0..choices).map(|choice| Action::Step(number, choice)));
            if self.crashes > 0 {
                actions.push(Action::Crash(number));
            }
        }
        if self.ticks > 0 {
            actions.push(Action::Tick);
        }
    }

    /// An action in words.
    pub(crate) fn describe(&self, action: Action) -> String {
        match action {
            Action::Step(actor, choice) => {
                let wish = &self.actors[actor].wish;
                format!("actor {actor}, choice {choice}: {wish:?}")
            }
            Action::Crash(actor) => format!("actor {actor} crashes"),
            Action::Tick => "the clock moves on".to_owned(),
        }
    }

    #[must_use]
    pub(crate) fn after(&self, scenario: &Scenario, action: Action) -> Self {
        let mut world = self.clone();
        match action {
            Action::Step(actor, choice) => world.step(scenario, actor, choice),
            Action::Crash(actor) => {
                world.crashes -= 1;
                world.actors[actor].wish = None;
                world.actors[actor].answers.clear();
                if actor < 2 {
                    world.store.release(u8::from(actor == 1));
                }
            }
            Action::Tick => {
                world.ticks -= 1;
                world.store.now += 1;
            }
        }
        world
    }

    fn step(&mut self, scenario: &Scenario, number: usize, choice: usize) {
        self.lag.retain(|lag| lag.owner != number);
        let Some(wish) = self.actors[number].wish.clone() else {
            return;
        };
        if self.actors[number].answers.is_empty() {
            // Clocks differ a little: what was promised this second for no
            // time may be over.
            self.actors[number].since = self.store.now + i64::from(scenario.grace == 0);
        }
        let answer = match wish {
            Wish::AnySubject => {
                let subject = *self.store.queue.keys().nth(choice).expect("it is there");
                // An entry is not due before all of its transaction is seen.
                if scenario.mutant != Some(Mutant::EarlyEntries) {
                    self.lag.retain(|lag| !lag.item.is_of(subject));
                }
                let sweeper = u8::from(number == 1);
                self.store.apply(&Op::Take(sweeper, subject));
                Answer::Subject(subject)
            }
            Wish::AnyJob => {
                let job: Job = *self.store.jobs.iter().nth(choice).expect("it is there");
                Answer::Job(job)
            }
            Wish::Call(op) => {
                let lagging: Vec<_> = self.lagging(number, &op).cloned().collect();
                if is_read(&op) {
                    self.read(&op, &lagging, choice)
                } else {
                    self.write(scenario, number, &op)
                }
            }
        };
        self.actors[number].answers.push(answer);
        self.go_on(scenario, number);
    }

    /// What a call reads that others have changed and it may not see yet.
    fn lagging<'a>(&'a self, actor: usize, op: &'a Op) -> impl Iterator<Item = &'a Lag> {
        self.lag
            .iter()
            .filter(move |lag| lag.owner != actor && lag.item.is_read_by(op))
    }

    fn read(&mut self, op: &Op, lagging: &[Lag], choice: usize) -> Answer {
        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        for (bit, lag) in lagging.iter().enumerate() {
            if choice & (1 << bit) == 0 {
                unseen.push(lag);
            } else {
                seen.push(lag);
            }
        }
        self.lag.retain(|lag| !seen.contains(&lag));
        if unseen.is_empty() {
            return self.store.apply(op);
        }
        let mut visible = self.store.clone();
        for lag in unseen {
            lag.item.put_back(&mut visible);
        }
        visible.apply(op)
    }

    fn write(&mut self, scenario: &Scenario, number: usize, op: &Op) -> Answer {
        let before = self.store.clone();
        let answer = apply(&mut self.store, scenario.mutant, op);
        let items = changed(&before, &self.store);
        // Who writes an item, or wants to, waits for the transaction that
        // holds it.
        self.lag.retain(|lag| {
            !lag.item.is_checked_by(op) && !items.iter().any(|item| item.is_same(&lag.item))
        });
        let early = scenario.mutant == Some(Mutant::EarlyEntries);
        let announced =
            before.jobs.len() < self.store.jobs.len() || early && before.queue != self.store.queue;
        if items.len() + usize::from(announced) > 1 {
            self.lag.extend(items.into_iter().map(|item| Lag {
                owner: number,
                item,
            }));
        }
        answer
    }

    /// Begins the task at hand, or tries it again.
    fn begin(&mut self, scenario: &Scenario, number: usize) {
        let task = scenario.actors[number]
            .get(usize::from(self.actors[number].task))
            .copied();
        let undisturbed = task.is_some_and(|task| !self.is_disturbed(scenario, task));
        let actor = &mut self.actors[number];
        actor.answers.clear();
        actor.wish = None;
        if !actor.again {
            actor.undisturbed = undisturbed;
        }
        actor.since = 0;
        if task.is_some() {
            self.go_on(scenario, number);
        }
    }

    /// Whether somebody deletes, or will delete, what a task pushes.
    fn is_disturbed(&self, scenario: &Scenario, task: Task) -> bool {
        let Task::Push(r, m, tag) = task else {
            return true;
        };
        let is_child = scenario
            .manifests
            .iter()
            .any(|named| named.children.contains(&m));
        let deleted = self
            .actors
            .iter()
            .zip(&scenario.actors)
            .any(|(actor, tasks)| {
                let to_come = tasks.iter().skip(usize::from(actor.task));
                actor.wish.is_some() && to_come.into_iter().any(|task| *task == Task::Delete(r, m))
            });
        deleted || is_child && tag.is_none()
    }

    /// Runs an actor to its next call.
    fn go_on(&mut self, scenario: &Scenario, number: usize) {
        let actor = &self.actors[number];
        let task = scenario.actors[number][usize::from(actor.task)];
        let (index, again, since) = (actor.task, actor.again, actor.since);
        let known = (actor.issued, since);
        let standing = run(scenario, number, known, &actor.answers, |cx| {
            perform(cx, task, index, again)
        });
        let actor = &mut self.actors[number];
        match standing {
            Standing::Wants(wish) => actor.wish = Some(wish),
            Standing::Ended(End::Refused, _) => {
                actor.wish = None;
                actor.answers.clear();
            }
            Standing::Ended(End::Again, issued) => {
                actor.issued = issued;
                actor.again = true;
                self.begin(scenario, number);
            }
            Standing::Ended(End::Ok, issued) => {
                actor.issued = issued;
                actor.again = false;
                actor.task += 1;
                let undisturbed = actor.undisturbed;
                self.note(scenario, task, undisturbed);
                self.begin(scenario, number);
            }
        }
    }

    /// Notes what a client was told.
    fn note(&mut self, scenario: &Scenario, task: Task, undisturbed: bool) {
        match task {
            Task::Head(r, d) | Task::Upload(r, d) | Task::Mount(r, d) => {
                let until = self.store.now + scenario.grace / 2;
                self.promised.insert((r, d), until);
            }
            Task::Push(r, m, _) if undisturbed => {
                self.pushed.insert((r, m));
            }
            _ => {}
        }
    }
}

/// A call as the store, or a store that lacks a rule, performs it.
fn apply(store: &mut Store, mutant: Option<Mutant>, op: &Op) -> Answer {
    match (mutant, op) {
        (Some(Mutant::DeleteWithoutToken), Op::ChangeLink(r, d, LinkChange::Delete(token))) => {
            if let Some(link) = store.links.get_mut(&(*r, *d)) {
                link.state = LinkState::Condemned(*token);
            }
        }
        (Some(Mutant::NoEarlierBackEdge), Op::CommitLink(commit)) => {
            let (r, d, id) = (commit.repository, commit.digest, commit.id);
            store.back_edges.insert((d, r, id), false);
            let answer = store.apply(op);
            if answer == Answer::Committed(LinkCommit::Done) {
                store.queue.entry(Subject::Link(r, d)).or_insert(1);
            } else {
                store.back_edges.remove(&(d, r, id));
            }
            return answer;
        }
        _ => {}
    }
    let answer = store.apply(op);
    if let (Some(Mutant::MountWithoutGeneration), Op::CommitLink(commit)) = (mutant, op)
        && commit.read.is_some()
        && answer == Answer::Committed(LinkCommit::Done)
        && let Some(blob) = store.blobs.get_mut(&commit.digest)
    {
        blob.generation -= 1;
    }
    answer
}

fn is_read(op: &Op) -> bool {
    matches!(
        op,
        Op::Link(..)
            | Op::Blob(_)
            | Op::BackEdges(_)
            | Op::Edges(..)
            | Op::State(..)
            | Op::TagsOf(..)
    )
}

impl Item {
    fn is_read_by(&self, op: &Op) -> bool {
        match (self, op) {
            (Self::Manifest((r, m), _), Op::State(of, name)) => (r, m) == (of, name),
            (Self::Tag((r, _), _), Op::TagsOf(of, _)) => r == of,
            (Self::Link((r, d), _), Op::Link(of, name)) => (r, d) == (of, name),
            (Self::Blob(d, _), Op::Blob(name)) => d == name,
            (Self::BackEdge((d, ..), _), Op::BackEdges(name)) => d == name,
            _ => false,
        }
    }

    /// Whether a write depends on it.
    fn is_checked_by(&self, op: &Op) -> bool {
        match (self, op) {
            (Self::Link((r, d), _), Op::ChangeLink(of, name, _)) => (r, d) == (of, name),
            (Self::Link(at, _), Op::CommitLink(commit)) => {
                *at == (commit.repository, commit.digest)
            }
            (Self::Blob(d, _), Op::CommitLink(commit)) => *d == commit.digest,
            (Self::Blob(d, _), Op::DeleteBlob(name, _)) => d == name,
            (
                Self::Manifest((r, m), _),
                Op::Begin(of, name, _)
                | Op::CommitManifest(of, name, ..)
                | Op::Abort(of, name, ..)
                | Op::Hide(of, name, ..)
                | Op::Restore(of, name, _)
                | Op::EndDelete(of, name, _)
                | Op::PutTag(of, _, name, _),
            ) => (r, m) == (of, name),
            _ => false,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Manifest(one, _), Self::Manifest(two, _))
            | (Self::Tag(one, _), Self::Tag(two, _))
            | (Self::Link(one, _), Self::Link(two, _)) => one == two,
            (Self::Blob(one, _), Self::Blob(two, _)) => one == two,
            (Self::BackEdge(one, _), Self::BackEdge(two, _)) => one == two,
            _ => false,
        }
    }

    /// Whether a look at the subject reads it.
    fn is_of(&self, subject: Subject) -> bool {
        match (self, subject) {
            (Self::Manifest(at, _), Subject::Manifest(r, m) | Subject::Child(r, m)) => {
                *at == (r, m)
            }
            (Self::Tag((at, _), _), Subject::Child(r, _)) => *at == r,
            (Self::Link(at, _), Subject::Link(r, d)) => *at == (r, d),
            (Self::Blob(at, _), Subject::Blob(d)) => *at == d,
            (Self::BackEdge((at, ..), _), Subject::Blob(d) | Subject::Link(_, d)) => *at == d,
            _ => false,
        }
    }

    fn put_back(&self, store: &mut Store) {
        match *self {
            Self::Manifest(key, old) => put(&mut store.manifests, key, old),
            Self::Tag(key, old) => put(&mut store.tags, key, old),
            Self::Link(key, old) => put(&mut store.links, key, old),
            Self::Blob(key, old) => put(&mut store.blobs, key, old),
            Self::BackEdge(key, old) => put(&mut store.back_edges, key, old),
        }
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, old: Option<V>) {
    match old {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// The items that differ, as they were.
fn changed(before: &Store, after: &Store) -> Vec<Item> {
    let mut items = Vec::new();
    differing(&before.manifests, &after.manifests, |key, old| {
        items.push(Item::Manifest(key, old));
    });
    differing(&before.tags, &after.tags, |key, old| {
        items.push(Item::Tag(key, old));
    });
    differing(&before.links, &after.links, |key, old| {
        items.push(Item::Link(key, old));
    });
    differing(&before.blobs, &after.blobs, |key, old| {
        items.push(Item::Blob(key, old));
    });
    differing(&before.back_edges, &after.back_edges, |key, old| {
        items.push(Item::BackEdge(key, old));
    });
    items
}

fn differing<K: Ord + Copy, V: PartialEq + Copy>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    mut note: impl FnMut(K, Option<V>),
) {
    for (key, old) in before {
        if after.get(key) != Some(old) {
            note(*key, Some(*old));
        }
    }
    for key in after.keys().filter(|key| !before.contains_key(key)) {
        note(*key, None);
    }
}

/// Does a task with nobody else about; `given` is the entry or job that it
/// gets. Returns how many ids were given.
pub(crate) fn alone(
    scenario: &Scenario,
    store: &mut Store,
    task: Task,
    actor: usize,
    mut issued: u32,
    given: Option<&Answer>,
) -> u32 {
    let mut again = false;
    loop {
        let mut answers = Vec::new();
        let end = loop {
            let known = (issued, store.now);
            match run(scenario, actor, known, &answers, |cx| {
                perform(cx, task, 0, again)
            }) {
                Standing::Ended(end, ids) => {
                    issued = ids;
                    break end;
                }
                Standing::Wants(Wish::Call(op)) => {
                    answers.push(apply(store, scenario.mutant, &op));
                }
                Standing::Wants(_) => {
                    answers.push(given.cloned().expect("it is given what it wishes"));
                }
            }
        };
        if end != End::Again {
            return issued;
        }
        again = true;
    }
}
