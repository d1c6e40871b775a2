//! Manifests' bytes by digest: what was read once need not be read again.
//!
//! A digest names the same bytes everywhere, so this only says what they are,
//! never whether somebody may have them or where they are held: a record that
//! was read for the request at hand says that.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, PoisonError};

use berth_oci::Digest;
use bytes::Bytes;

/// Bytes of one generation; two are kept.
const GENERATION: usize = 8 * 1024 * 1024;

/// Larger manifests are read each time: there are few.
const LONGEST: usize = GENERATION / 16;

/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 160;

/// Manifests that were read of late.
#[derive(Debug, Default)]
pub(crate) struct Bodies(Mutex<Generations>);

/// When the young generation is full it becomes the old one, whose manifests
/// are forgotten unless somebody wants them meanwhile.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Digest, Bytes>,
    old: HashMap<Digest, Bytes>,
    /// Bytes of the young generation.
    size: usize,
}

impl Bodies {
    /// The manifest with this digest, if it is known.
    pub(crate) fn get(&self, digest: Digest) -> Option<Bytes> {
        self.with(|generations| {
            if let Some(bytes) = generations.young.get(&digest) {
                return Some(bytes.clone());
            }
            let bytes = generations.old.remove(&digest)?;
            generations.put(digest, bytes.clone());
            Some(bytes)
        })
    }

    /// Remembers the bytes that have this digest.
    pub(crate) fn put(&self, digest: Digest, bytes: &Bytes) {
        if bytes.len() <= LONGEST {
            self.with(|generations| generations.put(digest, bytes.clone()));
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Generations) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn put(&mut self, digest: Digest, bytes: Bytes) {
        let size = bytes.len() + OVERHEAD;
        if self.size + size > GENERATION {
            self.old = mem::take(&mut self.young);
            self.size = 0;
        }
        if self.young.insert(digest, bytes).is_none() {
            self.size += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(number: u8) -> (Digest, Bytes) {
        let bytes = Bytes::from(vec![number; LONGEST]);
        (Digest::sha256(&bytes), bytes)
    }

    #[test]
    fn what_is_wanted_is_kept_and_the_rest_is_forgotten_within_two_generations() {
        let bodies = Bodies::default();
        let (wanted, kept) = manifest(0);
        bodies.put(wanted, &kept);
        let others: Vec<_> = (1..64).map(manifest).collect();
        for (digest, bytes) in &others {
            bodies.put(*digest, bytes);
            assert_eq!(bodies.get(wanted).as_ref(), Some(&kept));
        }
        let held = others
            .iter()
            .filter(|(digest, _)| bodies.get(*digest).is_some());
        let held: usize = held.map(|(_, bytes)| bytes.len()).sum();
        assert!(held <= 2 * GENERATION, "{held}");
        assert_eq!(bodies.get(others[0].0), None);
    }

    #[test]
    fn a_long_manifest_is_not_kept() {
        let bodies = Bodies::default();
        let bytes = Bytes::from(vec![0; LONGEST + 1]);
        let digest = Digest::sha256(&bytes);
        bodies.put(digest, &bytes);
        assert_eq!(bodies.get(digest), None);
    }
}
