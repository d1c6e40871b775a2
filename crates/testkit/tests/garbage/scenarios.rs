//! Who does what at once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use crate::mutants::Mutant;

/// What a manifest names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub blobs: Vec<u8>,
    pub children: Vec<u8>,
    /// A proxy's: what it names may be absent.
    pub sparse: bool,
}

/// One thing to do. Repository, then digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// Uploads a blob.
    Upload(u8, u8),
    /// Makes a blob visible that is stored already.
    Mount(u8, u8),
    /// Asks whether a blob is there.
    Head(u8, u8),
    /// Pushes a manifest, with a tag.
    Push(u8, u8, Option<u8>),
    /// Deletes a manifest.
    Delete(u8, u8),
    /// Deletes a blob's link.
    DeleteBlob(u8, u8),
    /// Looks at something in the queue.
    Sweep,
    /// Does a job.
    Work,
}

/// Actors, each with what it does one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    pub name: &'static str,
    /// The manifests by number.
    pub manifests: Vec<Named>,
    pub actors: Vec<Vec<Task>>,
    /// Done before, without interruption.
    pub before: Vec<Task>,
    /// How many actors may crash alone. All may crash together at any time.
    pub crashes: u8,
    /// The grace time.
    pub grace: i64,
    /// How often the clock may move on.
    pub ticks: i64,
    pub mutant: Option<Mutant>,
    /// Hashes of what was left and seen to be whole.
    pub seen: Arc<Mutex<HashSet<u64>>>,
}

/// Manifest 0 names blob 0.
pub(crate) fn image() -> Vec<Named> {
    vec![Named {
        blobs: vec![0],
        ..Named::default()
    }]
}

/// Manifest 0 names blob 0, and index 1 names manifest 0.
pub(crate) fn index() -> Vec<Named> {
    let mut manifests = image();
    manifests.push(Named {
        children: vec![0],
        ..Named::default()
    });
    manifests
}

/// The first two actors are sweepers.
pub(crate) fn sweepers(looks: [usize; 2], others: Vec<Vec<Task>>) -> Vec<Vec<Task>> {
    looks
        .into_iter()
        .map(|looks| vec![Task::Sweep; looks])
        .chain(others)
        .collect()
}

/// Uploads the blob and pushes the image that names it.
pub(crate) fn push(tag: Option<u8>) -> Vec<Task> {
    vec![Task::Upload(0, 0), Task::Push(0, 0, tag)]
}

/// A HEAD is trusted while two sweepers look.
pub(crate) fn trust(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "a pusher trusts a HEAD, sweepers",
        manifests: image(),
        before: vec![Task::Upload(0, 0)],
        actors: sweepers(looks, vec![vec![Task::Head(0, 0), Task::Push(0, 0, None)]]),
        ..Scenario::default()
    }
}

/// The same with time that goes by.
pub(crate) fn promise(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "a HEAD and its promise, sweepers, a clock",
        grace: 2,
        ticks: 3,
        ..trust(looks)
    }
}

/// Two push the same image.
pub(crate) fn two_pushers(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "two pushers of one image, sweepers, one crash",
        manifests: image(),
        before: vec![Task::Upload(0, 0)],
        actors: sweepers(looks, vec![vec![Task::Push(0, 0, None)]; 2]),
        crashes: 1,
        ..Scenario::default()
    }
}

/// Two upload the same blob.
pub(crate) fn two_uploads(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "two uploads of one blob, sweepers, one crash",
        manifests: image(),
        actors: sweepers(looks, vec![vec![Task::Upload(0, 0)]; 2]),
        crashes: 1,
        ..Scenario::default()
    }
}

/// An image is deleted while it is pushed again.
pub(crate) fn delete(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "an image is pushed again and deleted, its job done, sweepers",
        manifests: image(),
        before: push(Some(0)),
        actors: sweepers(
            looks,
            vec![
                vec![Task::Push(0, 0, Some(0))],
                vec![Task::Delete(0, 0)],
                vec![Task::Work],
            ],
        ),
        ..Scenario::default()
    }
}

/// A deletion dies, and the image is pushed again.
pub(crate) fn dead_deletion(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "a deletion dies, the image is pushed again, sweepers",
        manifests: image(),
        before: push(None),
        actors: sweepers(
            looks,
            vec![vec![Task::Delete(0, 0)], vec![Task::Push(0, 0, None); 2]],
        ),
        crashes: 1,
        ..Scenario::default()
    }
}

/// A blob is mounted while its only link goes.
pub(crate) fn mount(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "a blob is mounted and named while its last link goes, sweepers",
        manifests: image(),
        before: vec![Task::Upload(0, 0)],
        actors: sweepers(looks, vec![vec![Task::Mount(1, 0), Task::Push(1, 0, None)]]),
        ..Scenario::default()
    }
}

/// A proxy keeps a manifest, and fetches its blob twice.
pub(crate) fn fill() -> Scenario {
    let mut manifests = image();
    manifests[0].sparse = true;
    Scenario {
        name: "a proxy keeps a manifest, two fills of its blob, sweepers, one crash",
        manifests,
        actors: sweepers(
            [1, 0],
            vec![
                vec![Task::Push(0, 0, None)],
                vec![Task::Upload(0, 0)],
                vec![Task::Upload(0, 0)],
            ],
        ),
        crashes: 1,
        ..Scenario::default()
    }
}

/// An index is pushed while its child is deleted.
pub(crate) fn push_of_index() -> Scenario {
    Scenario {
        name: "an index is pushed, its child deleted, sweepers, one crash",
        manifests: index(),
        before: push(None),
        actors: sweepers(
            [1, 1],
            vec![vec![Task::Push(0, 1, Some(0))], vec![Task::Delete(0, 0)]],
        ),
        crashes: 1,
        ..Scenario::default()
    }
}

/// A child that lost its index is tagged.
pub(crate) fn orphan(grace: i64) -> Scenario {
    Scenario {
        name: "a child whose index went is tagged, its job done, sweepers",
        manifests: index(),
        before: vec![
            Task::Upload(0, 0),
            Task::Push(0, 0, None),
            Task::Push(0, 1, None),
            Task::Delete(0, 1),
        ],
        actors: sweepers(
            [2, 1],
            vec![vec![Task::Push(0, 0, Some(0))], vec![Task::Work]],
        ),
        crashes: 1,
        grace,
        ..Scenario::default()
    }
}

/// A client deletes a blob while a manifest that names it is pushed.
pub(crate) fn delete_of_blob(looks: [usize; 2]) -> Scenario {
    Scenario {
        name: "a blob's link is deleted, its manifest pushed, sweepers, one crash",
        manifests: image(),
        before: vec![Task::Upload(0, 0)],
        actors: sweepers(
            looks,
            vec![vec![Task::Push(0, 0, None)], vec![Task::DeleteBlob(0, 0)]],
        ),
        crashes: 1,
        ..Scenario::default()
    }
}
