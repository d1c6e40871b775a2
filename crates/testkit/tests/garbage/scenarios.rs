//! Who does what at once.

use crate::mutants::Mutant;

/// What a manifest names.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub blobs: Vec<u8>,
    pub children: Vec<u8>,
    /// A proxy's: what it names may be absent.
    pub sparse: bool,
}

/// One thing to do. Repository, then digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
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
pub struct Scenario {
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
}

/// Manifest 0 names blob 0.
pub fn image() -> Vec<Named> {
    vec![Named {
        blobs: vec![0],
        ..Named::default()
    }]
}

/// Manifest 0 names blob 0, and index 1 names manifest 0.
pub fn index() -> Vec<Named> {
    let mut manifests = image();
    manifests.push(Named {
        children: vec![0],
        ..Named::default()
    });
    manifests
}

/// The first two actors are sweepers.
fn sweepers(looks: [usize; 2], others: Vec<Vec<Task>>) -> Vec<Vec<Task>> {
    looks
        .into_iter()
        .map(|looks| vec![Task::Sweep; looks])
        .chain(others)
        .collect()
}

mod holds {
    use super::Task::*;
    use super::*;
    use crate::exploration::assert_holds;

    fn push(tag: Option<u8>) -> Vec<Task> {
        vec![Upload(0, 0), Push(0, 0, tag)]
    }

    #[test]
    fn two_pushers_of_one_image() {
        assert_holds(&Scenario {
            name: "two pushers of one image, a sweeper",
            manifests: image(),
            actors: sweepers([2, 0], vec![push(None), push(None)]),
            ..Scenario::default()
        });
    }

    #[test]
    fn a_push_a_delete_and_a_sweep() {
        assert_holds(&Scenario {
            name: "a pusher, a deleter with its job, a sweeper",
            manifests: image(),
            before: push(Some(0)),
            actors: sweepers([2, 0], vec![push(Some(0)), vec![Delete(0, 0)], vec![Work]]),
            ..Scenario::default()
        });
    }

    #[test]
    fn two_sweepers() {
        assert_holds(&Scenario {
            name: "a pusher that trusts a HEAD, two sweepers",
            manifests: image(),
            before: vec![Upload(0, 0)],
            actors: sweepers([2, 2], vec![vec![Head(0, 0), Push(0, 0, None)]]),
            ..Scenario::default()
        });
    }

    #[test]
    fn a_mount() {
        assert_holds(&Scenario {
            name: "a mount into another repository, a deleter, a sweeper, one crash",
            manifests: image(),
            before: push(None),
            actors: sweepers(
                [3, 0],
                vec![
                    vec![Mount(1, 0), Push(1, 0, None)],
                    vec![Delete(0, 0)],
                    vec![Work],
                ],
            ),
            crashes: 1,
            ..Scenario::default()
        });
    }

    #[test]
    fn a_fill() {
        let mut manifests = image();
        manifests[0].sparse = true;
        assert_holds(&Scenario {
            name: "a proxy's manifest, two fills of its blob, a deleter, a sweeper",
            manifests,
            actors: sweepers(
                [2, 0],
                vec![
                    vec![Push(0, 0, None)],
                    vec![Upload(0, 0)],
                    vec![Upload(0, 0)],
                    vec![Delete(0, 0)],
                ],
            ),
            ..Scenario::default()
        });
    }

    #[test]
    fn an_index() {
        assert_holds(&Scenario {
            name: "an index is pushed, its child deleted",
            manifests: index(),
            before: push(None),
            actors: sweepers(
                [2, 0],
                vec![vec![Push(0, 1, Some(0))], vec![Delete(0, 0)], vec![Work]],
            ),
            crashes: 1,
            ..Scenario::default()
        });
    }

    #[test]
    fn an_orphan() {
        assert_holds(&Scenario {
            name: "an index is deleted, its child tagged, two sweepers",
            manifests: index(),
            before: vec![
                Upload(0, 0),
                Push(0, 0, None),
                Push(0, 1, None),
                Delete(0, 1),
            ],
            actors: sweepers([2, 2], vec![vec![Push(0, 0, Some(0))], vec![Work]]),
            ..Scenario::default()
        });
    }

    #[test]
    fn a_promise() {
        assert_holds(&Scenario {
            name: "a HEAD, its promise, two sweepers, a clock",
            manifests: image(),
            before: vec![Upload(0, 0)],
            actors: sweepers([2, 1], vec![vec![Head(0, 0), Push(0, 0, None)]]),
            grace: 2,
            ticks: 4,
            ..Scenario::default()
        });
    }

    #[test]
    fn a_blob_is_deleted() {
        assert_holds(&Scenario {
            name: "a blob's link is deleted, its manifest pushed, a sweeper",
            manifests: image(),
            before: vec![Upload(0, 0)],
            actors: sweepers([2, 0], vec![vec![Push(0, 0, None)], vec![DeleteBlob(0, 0)]]),
            crashes: 1,
            ..Scenario::default()
        });
    }
}
