//! One writer a key: a later one stops the earlier.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_domain::ObjectKey;
use berth_ports::{StoreError, StoreResult};

/// Who may write which object, for the objects that have a writer.
#[derive(Clone, Debug, Default)]
pub(super) struct Fences(Arc<Mutex<HashMap<ObjectKey, Entry>>>);

#[derive(Debug, Default)]
struct Entry {
    /// The generation that may write. Held while it does.
    current: Arc<Mutex<u64>>,
    holders: usize,
}

/// The right to change one object, until the next claim.
#[derive(Debug)]
pub(super) struct Fence {
    fences: Fences,
    key: ObjectKey,
    current: Arc<Mutex<u64>>,
    generation: u64,
}

impl Fences {
    /// Takes the right to change an object from whoever has it. Blocks while
    /// that one is in the middle of a change.
    pub(super) fn claim(&self, key: ObjectKey) -> Fence {
        let current = {
            let mut entries = lock(&self.0);
            let entry = entries.entry(key).or_default();
            entry.holders += 1;
            Arc::clone(&entry.current)
        };
        let generation = {
            let mut current = lock(&current);
            *current += 1;
            *current
        };
        Fence {
            fences: self.clone(),
            key,
            current,
            generation,
        }
    }
}

impl Fence {
    /// The object's key.
    pub(super) const fn key(&self) -> ObjectKey {
        self.key
    }

    /// Makes a change that no later claim can overlap; `Conflict` if there was
    /// one already.
    pub(super) fn guarded<T>(&self, change: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
        let current = lock(&self.current);
        if *current != self.generation {
            return Err(StoreError::Conflict(format!("object {}", self.key)));
        }
        change()
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let mut entries = lock(&self.fences.0);
        if let Some(entry) = entries.get_mut(&self.key) {
            entry.holders -= 1;
            if entry.holders == 0 {
                entries.remove(&self.key);
            }
        }
    }
}

/// Nothing in here panics while it holds a lock, so a poisoned one is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use berth_domain::FreshId;

    use super::*;

    #[test]
    fn a_later_claim_stops_the_earlier_and_nothing_stays_behind() {
        let fences = Fences::default();
        let first = fences.claim(FreshId(1).into());
        let other = fences.claim(FreshId(2).into());
        first.guarded(|| Ok(())).unwrap();
        let second = fences.claim(FreshId(1).into());
        assert!(matches!(
            first.guarded(|| Ok(())),
            Err(StoreError::Conflict(_))
        ));
        second.guarded(|| Ok(())).unwrap();
        drop(first);
        second.guarded(|| Ok(())).unwrap();
        other.guarded(|| Ok(())).unwrap();
        drop((second, other));
        assert!(lock(&fences.0).is_empty());
    }
}
