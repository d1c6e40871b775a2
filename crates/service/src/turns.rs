//! One at a time for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Keys without a turn are swept once there are more entries than this.
const SWEPT: usize = 1_024;

type Entries<K> = HashMap<K, Arc<tokio::sync::Mutex<()>>>;

/// Who is at work about which key.
#[derive(Debug)]
pub(crate) struct Turns<K>(Mutex<Entries<K>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Waits until nobody else is at work about `key`. The turn ends when it is
    /// dropped.
    pub(crate) async fn take(&self, key: K) -> Turn<'_, K> {
        let entry = {
            let mut entries = self.entries();
            if entries.len() > SWEPT {
                entries.retain(|_, entry| Arc::strong_count(entry) > 1);
            }
            Arc::clone(entries.entry(key.clone()).or_default())
        };
        let guard = entry.lock_owned().await;
        Turn {
            turns: self,
            key,
            _guard: guard,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn.
pub(crate) struct Turn<'a, K: Eq + Hash + Clone> {
    turns: &'a Turns<K>,
    key: K,
    _guard: OwnedMutexGuard<()>,
}

impl<K: Eq + Hash + Clone> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        let mut entries = self.turns.entries();
        // The map's and our own: nobody waits.
        if entries
            .get(&self.key)
            .is_some_and(|entry| Arc::strong_count(entry) == 2)
        {
            entries.remove(&self.key);
        }
    }
}
