//! Work that is done once for all who ask for it at the same time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_ports::Tasks;
use tokio::sync::{Semaphore, watch};

use crate::error::{Error, Result};
use crate::proxy::failure::Failure;

type Outcome<V> = Option<std::result::Result<V, Failure>>;
type Running<K, V> = Mutex<HashMap<K, watch::Receiver<Outcome<V>>>>;

/// Pieces of work under way, by what they are about. Each runs as a task of
/// its own, so that it goes on when the request that started it is gone.
#[derive(Debug)]
pub(super) struct Flights<K, V> {
    running: Arc<Running<K, V>>,
    turns: Arc<Semaphore>,
    places: usize,
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// At most `at_once` run, and at most `places` run or wait for their turn.
    pub(super) fn new(at_once: usize, places: usize) -> Self {
        Self {
            running: Arc::default(),
            turns: Arc::new(Semaphore::new(at_once)),
            places,
        }
    }

    /// Joins the work about `key`, or starts `work` if there is none under way;
    /// [`Error::Busy`] if there is no place for it.
    pub(super) async fn join<W>(
        &self,
        tasks: &dyn Tasks,
        key: K,
        work: impl FnOnce() -> W,
    ) -> Result<V>
    where
        W: Future<Output = Result<V>> + Send + 'static,
    {
        let mut outcome = self.outcome(tasks, key, work)?;
        let landed = match outcome.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone(),
            Err(_) => None,
        };
        landed
            .unwrap_or_else(|| Err(Failure::abandoned()))
            .map_err(|failure| failure.error())
    }

    fn outcome<W>(
        &self,
        tasks: &dyn Tasks,
        key: K,
        work: impl FnOnce() -> W,
    ) -> Result<watch::Receiver<Outcome<V>>>
    where
        W: Future<Output = Result<V>> + Send + 'static,
    {
        let mut running = lock(&self.running);
        let is_full = running.len() >= self.places;
        let vacant = match running.entry(key.clone()) {
            Entry::Occupied(occupied) => return Ok(occupied.get().clone()),
            Entry::Vacant(_) if is_full => return Err(Error::Busy),
            Entry::Vacant(vacant) => vacant,
        };
        let (sender, receiver) = watch::channel(None);
        vacant.insert(receiver.clone());
        // A task that never runs gives its place back within `spawn`.
        drop(running);
        let place = Place {
            running: Arc::clone(&self.running),
            key,
        };
        let work = work();
        let turns = Arc::clone(&self.turns);
        tasks.spawn(Box::pin(async move {
            // Given back however the task ends.
            let _place = place;
            // Never closed, so there is always a turn.
            let _turn = turns.acquire().await;
            let outcome = work.await.map_err(Failure::from);
            sender.send_replace(Some(outcome));
        }));
        Ok(receiver)
    }
}

/// A place among the running work.
struct Place<K: Eq + Hash, V> {
    running: Arc<Running<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Place<K, V> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

/// Locks a map; none of its changes can be half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
