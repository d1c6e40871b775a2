//! Blobs on their way from upstream, and the readers that follow them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use berth_domain::ObjectKey;
use berth_oci::{Digest, RepositoryName};
use berth_ports::{Access, Arrival, ByteStream, FileSpan, Growing, Span, StoreError, StoreResult};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::error::{Error, Result};
use crate::proxy::failure::Failure;
use crate::proxy::flights::lock;

/// How much a follower reads at once.
const CHUNK: u64 = 128 * 1024;

/// How far a fill has come.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Nothing can be read yet.
    Starting,
    /// Bytes come in, or have come in and are not stored for good yet.
    Growing(Growth),
    /// The repository has the blob.
    Held {
        /// Its object.
        key: ObjectKey,
        /// Its size.
        size: u64,
        /// Whether what those have who followed it is the same.
        followed: bool,
    },
    /// It ended without a blob.
    Failed(Failure),
}

/// A blob that grows.
#[derive(Clone, Debug)]
pub(super) struct Growth {
    /// How large it will be.
    pub(super) size: u64,
    /// What is there of it.
    pub(super) view: Arc<dyn Growing>,
    /// Whether this instance fetches it, not another.
    pub(super) is_ours: bool,
    /// Whether all is there, and is what its digest says.
    pub(super) verified: bool,
}

/// The fills under way, by what they fill.
#[derive(Debug)]
pub(super) struct Fills {
    running: Arc<Mutex<HashMap<FillKey, watch::Receiver<Phase>>>>,
    turns: Arc<Semaphore>,
    places: usize,
}

/// What is filled.
pub(super) type FillKey = (RepositoryName, Digest);

/// A fill's own end: where it says how far it has come. The fill is no longer
/// under way when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    fills: Arc<Mutex<HashMap<FillKey, watch::Receiver<Phase>>>>,
    turns: Arc<Semaphore>,
    key: FillKey,
    phase: watch::Sender<Phase>,
}

impl Progress {
    /// Waits for the fill's turn, which lasts until what is returned is
    /// dropped.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there is always a turn.
        self.turns.acquire().await.ok()
    }

    /// Shows the followers how far it has come.
    pub(super) fn show(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        lock(&self.fills).remove(&self.key);
    }
}

impl Fills {
    /// At most `at_once` run, and at most `places` run or wait for their turn.
    pub(super) fn new(at_once: usize, places: usize) -> Self {
        Self {
            running: Arc::default(),
            turns: Arc::new(Semaphore::new(at_once)),
            places,
        }
    }

    /// Joins the fill of `key`. If there is none, it begins, and the caller
    /// has to do it with the [`Progress`]; [`Error::Busy`] if there is no place
    /// for it.
    pub(super) fn join(&self, key: FillKey) -> Result<(Following, Option<Progress>)> {
        let mut running = lock(&self.running);
        let is_full = running.len() >= self.places;
        let vacant = match running.entry(key.clone()) {
            Entry::Occupied(occupied) => return Ok((Following(occupied.get().clone()), None)),
            Entry::Vacant(_) if is_full => return Err(Error::Busy),
            Entry::Vacant(vacant) => vacant,
        };
        let (sender, receiver) = watch::channel(Phase::Starting);
        vacant.insert(receiver.clone());
        let progress = Progress {
            fills: Arc::clone(&self.running),
            turns: Arc::clone(&self.turns),
            key,
            phase: sender,
        };
        Ok((Following(receiver), Some(progress)))
    }

    /// The fill of `key`, if there is one.
    pub(super) fn running(&self, key: &FillKey) -> Option<Following> {
        lock(&self.running).get(key).cloned().map(Following)
    }
}

/// Somebody's view of a fill.
#[derive(Clone, Debug)]
pub(super) struct Following(watch::Receiver<Phase>);

/// What a follower can begin to read.
pub(super) enum Readable {
    /// A finished object.
    Held(ObjectKey, u64),
    /// One that grows, and its size.
    Growing(Filling, u64),
}

impl Following {
    /// Waits until there is something to read.
    pub(super) async fn readable(mut self) -> Result<Readable> {
        let phase = match self
            .0
            .wait_for(|phase| !matches!(phase, Phase::Starting))
            .await
        {
            Ok(phase) => phase.clone(),
            Err(_) => Phase::Failed(Failure::abandoned()),
        };
        match phase {
            Phase::Growing(Growth { size, view, .. }) => Ok(Readable::Growing(
                Filling {
                    phase: self.0,
                    view,
                },
                size,
            )),
            Phase::Held { key, size, .. } => Ok(Readable::Held(key, size)),
            Phase::Failed(failure) => Err(failure.error()),
            Phase::Starting => Err(Failure::abandoned().error()),
        }
    }

    /// Waits until this instance has something of the blob from upstream, and
    /// its size; `None` if that is over.
    pub(super) async fn fetched_here(mut self) -> Result<Option<(Filling, u64)>> {
        let decided = |phase: &Phase| match phase {
            Phase::Starting => false,
            Phase::Growing(growth) => growth.is_ours,
            Phase::Held { .. } | Phase::Failed(_) => true,
        };
        let phase = match self.0.wait_for(decided).await {
            Ok(phase) => phase.clone(),
            Err(_) => return Ok(None),
        };
        let Phase::Growing(Growth { size, view, .. }) = phase else {
            return Ok(None);
        };
        let phase = self.0;
        Ok(Some((Filling { phase, view }, size)))
    }
}

/// A blob that is being fetched, for its readers.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    phase: watch::Receiver<Phase>,
    view: Arc<dyn Growing>,
}

impl Filling {
    /// Gives access to a part of the blob while it grows. The last byte of the
    /// part is held back until the whole blob is verified.
    pub(crate) async fn open(&self, span: Span) -> Result<Access> {
        let stream = self.stream(span);
        if span.is_empty() {
            return Ok(Access::Stream(stream));
        }
        // A file is made by its first byte; without one the client can still be
        // told why.
        if self.view.wait_beyond(0).await == 0
            && let Phase::Failed(failure) = &*self.phase.borrow()
        {
            return Err(failure.error());
        }
        let Some(file) = self.view.file() else {
            return Ok(Access::Stream(stream));
        };
        let arrival: Arc<dyn Arrival> = Arc::new(self.clone());
        let file = FileSpan {
            file,
            span,
            arrival: Some(arrival),
        };
        Ok(Access::File(file, stream))
    }

    fn stream(&self, span: Span) -> ByteStream {
        let follower = Follower {
            filling: self.clone(),
            offset: span.start,
            end: span.end,
        };
        Box::pin(stream::try_unfold(follower, |mut follower| async move {
            let chunk = follower.next().await?;
            Ok(chunk.map(|chunk| (chunk, follower)))
        }))
    }

    /// Waits until the blob is verified, or has failed.
    async fn verdict(&self) -> StoreResult<()> {
        let ended = |phase: &Phase| match phase {
            Phase::Starting => false,
            Phase::Growing(growth) => growth.verified,
            Phase::Held { .. } | Phase::Failed(_) => true,
        };
        let mut phase = self.phase.clone();
        match phase.wait_for(ended).await.as_deref() {
            Ok(Phase::Failed(failure)) => Err(failure.store_error()),
            // Else the blob is there to be asked for again.
            Ok(Phase::Held { followed, .. }) if *followed => Ok(()),
            Ok(Phase::Growing(_)) => Ok(()),
            _ => Err(Failure::abandoned().store_error()),
        }
    }
}

#[async_trait]
impl Arrival for Filling {
    async fn wait(&self, offset: u64, end: u64) -> StoreResult<u64> {
        let held_back = end - 1;
        if offset < held_back {
            let readable = self.view.wait_beyond(offset).await.min(held_back);
            if readable > offset {
                return Ok(readable);
            }
        }
        self.verdict().await?;
        Ok(end)
    }
}

struct Follower {
    filling: Filling,
    offset: u64,
    end: u64,
}

impl Follower {
    async fn next(&mut self) -> StoreResult<Option<Bytes>> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let readable = self.filling.wait(self.offset, self.end).await?;
        let limit = usize::try_from(CHUNK.min(readable - self.offset)).unwrap_or(usize::MAX);
        let chunk = self.filling.view.read_at(self.offset, limit).await?;
        if chunk.is_empty() {
            return Err(StoreError::Corrupt(
                "an object is shorter than what was written".to_owned(),
            ));
        }
        self.offset += chunk.len() as u64;
        Ok(Some(chunk))
    }
}
