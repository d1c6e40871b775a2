//! Tags that many clients move at once: which image each may name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use berth_oci::Digest;

use crate::support::http::Answer;
use crate::support::workload::image::Image;
use crate::support::workload::model::Fate;
use crate::support::workload::random::Random;

/// A tag that many clients move.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) repository: String,
    pub(super) tag: String,
    moves: Mutex<Vec<Move>>,
}

#[derive(Debug)]
struct Move {
    image: Arc<Image>,
    begun: Instant,
    /// When it was acknowledged. One whose answer was lost may come at any
    /// time.
    acknowledged: Option<Instant>,
}

impl Register {
    pub(super) const fn new(repository: String, tag: String) -> Self {
        Self {
            repository,
            tag,
            moves: Mutex::new(Vec::new()),
        }
    }

    /// Where the tag is read.
    pub(super) fn path(&self) -> String {
        format!("/v2/{}/manifests/{}", self.repository, self.tag)
    }

    /// An image that it was moved to before.
    pub(super) fn former(&self, random: &mut Random) -> Option<Arc<Image>> {
        let moves = self.moves();
        let over = moves.iter().filter(|one| one.acknowledged.is_some());
        let images: Vec<_> = over.map(|one| Arc::clone(&one.image)).collect();
        (!images.is_empty()).then(|| Arc::clone(random.pick(&images)))
    }

    /// A client is about to move the tag; answers which move that is.
    pub(super) fn begin(&self, image: &Arc<Image>) -> usize {
        let mut moves = self.moves();
        moves.push(Move {
            image: Arc::clone(image),
            begun: Instant::now(),
            acknowledged: None,
        });
        moves.len() - 1
    }

    pub(super) fn acknowledged(&self, number: usize) {
        self.moves()[number].acknowledged = Some(Instant::now());
    }

    /// Whether an answer is right to a question that began then: the tag names
    /// an image that it was moved to, and no move that began after that one was
    /// acknowledged had been acknowledged when the question began.
    pub(super) fn admits(&self, answer: &Answer, asked: Instant) -> bool {
        let moves = self.moves();
        let over = || {
            let is_over = |one: &&Move| one.acknowledged.is_some_and(|time| time < asked);
            moves.iter().filter(is_over)
        };
        if answer.status == 404 {
            return over().next().is_none();
        }
        let digest = Digest::sha256(&answer.body);
        let mut named = moves.iter().filter(|one| one.image.digest == digest);
        named.any(|one| {
            let until = one.acknowledged;
            until.is_none_or(|until| !over().any(|later| later.begun > until))
        })
    }

    /// The images of all moves, each once, and what became of it.
    pub(super) fn images(&self) -> Vec<(Arc<Image>, Fate)> {
        let mut images = BTreeMap::new();
        for Move {
            image,
            acknowledged,
            ..
        } in self.moves().iter()
        {
            let (_, fate) = images
                .entry(image.digest)
                .or_insert_with(|| (Arc::clone(image), Fate::Unsure));
            if acknowledged.is_some() {
                *fate = Fate::Kept;
            }
        }
        images.into_values().collect()
    }

    fn moves(&self) -> MutexGuard<'_, Vec<Move>> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
