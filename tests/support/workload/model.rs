//! What clients know of the registry: what was acknowledged, what was deleted,
//! and what was under way when it died.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::image::{Blob, Image};
use super::random::Random;

/// What became of an image, as far as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A push, a fill or a deletion has begun and was not answered.
    Unsure,
    /// It was acknowledged.
    Kept,
    /// Its deletion was acknowledged.
    Deleted,
}

/// An image and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) image: Arc<Image>,
    pub(crate) fate: Fate,
    /// The repository that it is filled from; none if it is pushed.
    pub(crate) upstream: Option<String>,
    /// Whether its tag is there; a deletion that was cut short may have taken it.
    pub(crate) tagged: bool,
    /// The cycle in which something was last done to it.
    pub(crate) cycle: u64,
}

/// A blob that was acknowledged, and that no manifest names.
#[derive(Clone, Debug)]
pub(crate) struct Loose {
    pub(crate) repository: String,
    pub(crate) blob: Blob,
    /// When the push began that was acknowledged.
    pub(crate) since: Instant,
}

/// An upload whose chunk was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) repository: String,
    pub(crate) blob: Blob,
    /// Without scheme and host.
    pub(crate) location: String,
    pub(crate) offset: u64,
    pub(crate) since: Instant,
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) pushes: u64,
    pub(crate) blobs: u64,
    pub(crate) fills: u64,
    pub(crate) deletions: u64,
    /// Sweeps beside the server, of which some were killed too.
    pub(crate) sweeps: u64,
    /// Images that were under way at a kill.
    pub(crate) unsure: u64,
    /// Images pulled back and compared.
    pub(crate) pulled: u64,
    /// Acknowledged blobs without a manifest and chunks that were compared.
    pub(crate) loose: u64,
    /// Deleted images that were seen to be gone.
    pub(crate) gone: u64,
}

/// Everything that clients know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) images: BTreeMap<u64, Known>,
    pub(crate) loose: Vec<Loose>,
    pub(crate) chunks: Vec<Chunk>,
    /// Images whose push was cut short, for their clients to try again.
    pub(crate) interrupted: Vec<(u64, Arc<Image>)>,
    /// What should not have been answered.
    pub(crate) faults: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) cycle: u64,
    next: u64,
}

impl Model {
    /// A number that no image has had.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A push or a fill begins.
    pub(crate) fn begin(&mut self, number: u64, image: Arc<Image>, upstream: Option<String>) {
        let known = Known {
            image,
            fate: Fate::Unsure,
            upstream,
            tagged: true,
            cycle: self.cycle,
        };
        self.images.insert(number, known);
    }

    /// A push or a fill was acknowledged.
    pub(crate) fn kept(&mut self, number: u64) {
        if let Some(known) = self.images.get_mut(&number) {
            known.fate = Fate::Kept;
            match known.upstream {
                Some(_) => self.totals.fills += 1,
                None => self.totals.pushes += 1,
            }
        }
    }

    /// The deletion of an image begins that is there, if there is any.
    pub(crate) fn doom(&mut self, random: &mut Random) -> Option<(u64, Arc<Image>)> {
        let kept = self.numbers(|known| known.fate == Fate::Kept);
        if kept.is_empty() {
            return None;
        }
        let number = *random.pick(&kept);
        let known = self.images.get_mut(&number)?;
        known.fate = Fate::Unsure;
        known.cycle = self.cycle;
        Some((number, Arc::clone(&known.image)))
    }

    /// A deletion was acknowledged.
    pub(crate) fn deleted(&mut self, number: u64) {
        if let Some(known) = self.images.get_mut(&number) {
            known.fate = Fate::Deleted;
            self.totals.deletions += 1;
        }
    }

    /// How many images are there for certain.
    pub(crate) fn kept_count(&self) -> usize {
        self.numbers(|known| known.fate == Fate::Kept).len()
    }

    /// The numbers of some images.
    pub(crate) fn numbers(&self, which: impl Fn(&Known) -> bool) -> Vec<u64> {
        let those = self.images.iter().filter(|(_, known)| which(known));
        those.map(|(number, _)| *number).collect()
    }
}
