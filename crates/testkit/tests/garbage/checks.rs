//! What must hold after each step, and what must be left once all have
//! crashed and sweeps have run.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::PoisonError;

use berth_domain::{ManifestState, ObjectKey};
use berth_testkit::model::{Answer, Job, Op, Store, Subject, Target, id};

use crate::mutants::Mutant;
use crate::scenarios::{Scenario, Task};
use crate::world::{World, alone};

/// What is broken; nothing that is referenced may be missing at any time.
pub(crate) fn broken(scenario: &Scenario, world: &World) -> Option<&'static str> {
    let store = &world.store;
    for ((r, d), until) in &world.promised {
        if *until > store.now && !store.links.contains_key(&(*r, *d)) {
            return Some("a promised link is gone");
        }
    }
    let there = |(r, m): &(u8, u8)| is_there(store, *r, *m);
    if !world.pushed.iter().all(there) {
        return Some("a pushed manifest is gone");
    }
    missing(scenario, store)
}

/// Whether a manifest is live, or is hidden and may be live again.
fn is_there(store: &Store, r: u8, m: u8) -> bool {
    let state = store.state(r, m).map(|(state, _)| state);
    matches!(state, Some(ManifestState::Live | ManifestState::Deleting))
}

fn missing(scenario: &Scenario, store: &Store) -> Option<&'static str> {
    for ((r, m), manifest) in &store.manifests {
        if manifest.state != ManifestState::Live {
            continue;
        }
        let nonce = if scenario.mutant == Some(Mutant::EdgesWithoutNonce) {
            id(0)
        } else {
            manifest.nonce
        };
        let named = &scenario.manifests[usize::from(*m)];
        let has_edge = |target| store.edges.contains(&(*r, target, (*m, nonce)));
        for d in &named.blobs {
            if !has_edge(Target::Blob(*d)) {
                return Some("a live manifest lacks an edge");
            }
            if !named.sparse && !store.links.contains_key(&(*r, *d)) {
                return Some("a live manifest lacks a link");
            }
        }
        for child in &named.children {
            if !has_edge(Target::Manifest(*child)) {
                return Some("a live index lacks an edge");
            }
            if !is_there(store, *r, *child) {
                return Some("a live index lacks a child");
            }
        }
    }
    for ((r, d), link) in &store.links {
        if store.blobs.get(d).map(|blob| blob.key) != Some(link.key) {
            return Some("a link lacks its blob");
        }
        if store.back_edges.get(&(*d, *r, link.id)) != Some(&true) {
            return Some("a link lacks its back-edge");
        }
    }
    for blob in store.blobs.values() {
        if !store.objects.contains(&blob.key) {
            return Some("a blob lacks its object");
        }
    }
    for ((r, _), (m, _)) in &store.tags {
        if !is_there(store, *r, *m) {
            return Some("a tag lacks its manifest");
        }
    }
    owned_twice(store).then_some("an object has two owners")
}

fn owned_twice(store: &Store) -> bool {
    let mut owners: BTreeMap<ObjectKey, u8> = BTreeMap::new();
    let sessions = store.sessions.iter().copied();
    let blobs = store.blobs.values().map(|blob| blob.key);
    let jobs = store.jobs.iter().filter_map(|job| match job {
        Job::DeleteObject(key) => Some(*key),
        Job::Unlink(..) => None,
    });
    let trash = store.queue.keys().filter_map(|subject| match subject {
        Subject::Object(key) => Some(*key),
        _ => None,
    });
    for key in sessions.chain(blobs).chain(jobs).chain(trash) {
        *owners.entry(key).or_default() += 1;
    }
    owners.values().any(|count| *count > 1)
}

/// How often everything in the queue is looked at.
const ROUNDS: usize = 12;

/// Ends all actors, lets all time go by and sweeps until the queue is empty.
pub(crate) fn drained(scenario: &Scenario, world: &World) -> Result<Store, &'static str> {
    let mut store = world.store.clone();
    store.release(0);
    store.release(1);
    for session in store.sessions.clone() {
        store.apply(&Op::EndSession(session));
    }
    let mut issued = 100;
    for _ in 0..ROUNDS {
        store.now += 1000;
        for job in store.jobs.clone() {
            let given = Answer::Job(job);
            issued = alone(scenario, &mut store, Task::Work, 0, issued, Some(&given));
        }
        for subject in store.queue.keys().copied().collect::<Vec<_>>() {
            store.apply(&Op::Take(0, subject));
            let given = Answer::Subject(subject);
            issued = alone(scenario, &mut store, Task::Sweep, 0, issued, Some(&given));
        }
        if store.jobs.is_empty() && store.queue.is_empty() {
            return Ok(store);
        }
    }
    Err("the queue is never empty")
}

/// What is left once the queue is empty: something that is needed and not
/// whole, or something that nothing needs.
///
/// Who was about to do what does not matter then, so a store is looked at once.
pub(crate) fn left(scenario: &Scenario, world: &World) -> Option<&'static str> {
    let mut hasher = DefaultHasher::new();
    (&world.store, &world.pushed).hash(&mut hasher);
    let hash = hasher.finish();
    let seen = || scenario.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen().contains(&hash) {
        return None;
    }
    let problem = look(scenario, world);
    if problem.is_none() {
        seen().insert(hash);
    }
    problem
}

fn look(scenario: &Scenario, world: &World) -> Option<&'static str> {
    let mut whole = world.clone();
    whole.store = match drained(scenario, world) {
        Ok(store) => store,
        Err(problem) => return Some(problem),
    };
    broken(scenario, &whole).or_else(|| unneeded(scenario, &whole.store))
}

fn unneeded(scenario: &Scenario, store: &Store) -> Option<&'static str> {
    if store
        .manifests
        .values()
        .any(|manifest| manifest.state != ManifestState::Live)
    {
        return Some("a manifest is pending or being deleted for ever");
    }
    // One may be condemned still, by a sweep that died: who needs it revives
    // it, and the next sweep goes on there.
    for (r, d) in store.links.keys() {
        let named = store
            .manifests
            .keys()
            .any(|(of, m)| of == r && scenario.manifests[usize::from(*m)].blobs.contains(d));
        if !named {
            return Some("a link is left that nothing needs");
        }
    }
    if store.back_edges.values().any(|linked| !linked) {
        return Some("a back-edge is pending for ever");
    }
    if store.back_edges.len() != store.links.len() {
        return Some("a back-edge is left without its link");
    }
    let linked = |d: &u8| store.links.keys().any(|(_, of)| of == d);
    if !store.blobs.keys().all(linked) {
        return Some("a blob is left that nothing needs");
    }
    if store.objects.len() != store.blobs.len() {
        return Some("an object is left that nothing needs");
    }
    None
}
