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

    #[test]
    fn push_push() {
        assert_holds(&Scenario {
            name: "two pushers of one image, one sweeper",
            manifests: image(),
            actors: sweepers([2, 0], vec![vec![Upload(0, 0), Push(0, 0, None)], vec![Upload(0, 0), Push(0, 0, None)]]),
            ..Scenario::default()
        });
    }
}
