//! Tables of what happened a moment ago.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Entries a table may have unless it says otherwise.
const TABLE_SIZE: usize = 10_000;

/// A table of things that happened, forgotten after a while.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    table: Mutex<HashMap<K, (Timestamp, V)>>,
    /// Entries it may have; the oldest go first.
    size: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self::of_size(TABLE_SIZE)
    }
}

impl<K, V> Recent<K, V> {
    /// A table of at most `size` entries.
    pub(crate) fn of_size(size: usize) -> Self {
        Self {
            table: Mutex::default(),
            size,
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    /// When it happened last and what it was, unless that was before
    /// `not_before`.
    pub(crate) fn get(&self, key: &K, not_before: Timestamp) -> Option<(Timestamp, V)> {
        let table = self.table();
        table.get(key).filter(|(at, _)| *at >= not_before).cloned()
    }

    /// Notes that it happened at `at`; what was before `not_before` need not
    /// be kept.
    pub(crate) fn put(&self, key: K, at: Timestamp, value: V, not_before: Timestamp) {
        insert(&mut self.table(), self.size, key, at, value, not_before);
    }

    /// Notes that it happened at `at`, as `next` makes of what was noted since
    /// `not_before`; nothing is noted if that fails. Nobody comes in between.
    pub(crate) fn update<E>(
        &self,
        key: K,
        at: Timestamp,
        not_before: Timestamp,
        next: impl FnOnce(Option<(Timestamp, V)>) -> Result<V, E>,
    ) -> Result<(), E> {
        let mut table = self.table();
        let last = table.get(&key).filter(|(at, _)| *at >= not_before).cloned();
        let value = next(last)?;
        insert(&mut table, self.size, key, at, value, not_before);
        Ok(())
    }

    /// Forgets it.
    pub(crate) fn remove(&self, key: &K) {
        self.table().remove(key);
    }

    /// Takes out up to `most` entries that `wanted` accepts, in no order.
    pub(crate) fn take_where(
        &self,
        most: usize,
        wanted: impl Fn(&K, &(Timestamp, V)) -> bool,
    ) -> Vec<K> {
        let mut table = self.table();
        let found: Vec<_> = table
            .iter()
            .filter(|(key, entry)| wanted(key, entry))
            .map(|(key, _)| key.clone())
            .take(most)
            .collect();
        for key in &found {
            table.remove(key);
        }
        found
    }

    fn table(&self) -> MutexGuard<'_, HashMap<K, (Timestamp, V)>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert<K: Eq + Hash + Clone, V>(
    table: &mut HashMap<K, (Timestamp, V)>,
    size: usize,
    key: K,
    at: Timestamp,
    value: V,
    not_before: Timestamp,
) {
    if table.len() >= size && !table.contains_key(&key) {
        table.retain(|_, (at, _)| *at >= not_before);
    }
    if table.len() >= size
        && !table.contains_key(&key)
        && let Some(oldest) = table
            .iter()
            .min_by_key(|(_, (at, _))| *at)
            .map(|(k, _)| k.clone())
    {
        table.remove(&oldest);
    }
    table.insert(key, (at, value));
}
