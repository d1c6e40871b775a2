//! The thread that writes and hashes what a writer has taken, while the next
//! bytes arrive.
//!
//! Bytes wait in a line while the thread is at those before them. Whoever puts
//! some there starts the thread if there is none; it takes what there is, again
//! and again, and leaves when it finds nothing. So a fast client wakes it once,
//! and a slow one keeps none.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_oci::{Digest, Hasher};
use berth_ports::{Finished, StoreError, StoreResult};
use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task;

use super::target::Target;

/// What is written begins and ends at a multiple of this where it can: the
/// system has it in large pages then. They cost half of what odd writes cost,
/// and less again when the file is sent.
pub(super) const STRETCH: u64 = 256 * 1024;

/// How many bytes may wait in the line.
const ROOM: usize = 512 * 1024;

/// The same while somebody follows: the more are written at once, the fewer
/// times all who follow are woken.
const FOLLOWED_ROOM: usize = 1024 * 1024;

/// After how many bytes the thread lets others have their turn.
const TURN: u64 = 16 * 1024 * 1024;

/// How far the bytes of an object have come.
pub(super) struct Progress {
    /// The digest of these bytes.
    pub(super) hash: Hasher,
    /// Bytes hashed and written.
    pub(super) offset: u64,
}

/// What comes after the bytes before it; whether more can be written then.
type Then = Box<dyn FnOnce(&Output, &mut Progress) -> bool + Send>;

/// What waits for the thread.
#[derive(Default)]
struct Line {
    pieces: Vec<Bytes>,
    /// Bytes in them.
    length: usize,
    then: Option<Then>,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.then.is_none()
    }

    /// Splits off what is behind the last whole stretch of a file that has
    /// `offset` bytes, to be written with what comes meanwhile, or else alone.
    fn split_tail(&mut self, offset: u64) -> Self {
        let mut tail = Self::default();
        let beyond = usize::try_from((offset + self.length as u64) % STRETCH).unwrap_or(0);
        if self.then.is_some() || beyond >= self.length {
            return tail;
        }
        while tail.length < beyond
            && let Some(mut piece) = self.pieces.pop()
        {
            let missing = beyond - tail.length;
            if piece.len() > missing {
                self.pieces.push(piece.split_to(piece.len() - missing));
            }
            tail.length += piece.len();
            tail.pieces.push(piece);
        }
        tail.pieces.reverse();
        self.length -= tail.length;
        tail
    }
}

/// Whether there is a thread, and where the progress is.
enum Thread {
    Idle(Box<Progress>),
    Running,
    /// The progress was lost in an error: nothing more can be written. It is
    /// told once.
    Failed(Option<StoreError>),
}

struct State {
    line: Line,
    thread: Thread,
}

/// The file, its line, and who watches it grow.
pub(super) struct Output {
    pub(super) target: Target,
    pub(super) readable: watch::Sender<u64>,
    state: Mutex<State>,
    /// There is room in the line again, or nothing to wait for any more.
    room: Notify,
}

impl Output {
    /// Nothing is written yet.
    pub(super) fn new(target: Target, progress: Progress) -> Arc<Self> {
        Arc::new(Self {
            target,
            readable: watch::Sender::new(progress.offset),
            state: Mutex::new(State {
                line: Line::default(),
                thread: Thread::Idle(Box::new(progress)),
            }),
            room: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody reads what is written.
    pub(super) fn is_followed(&self) -> bool {
        self.readable.receiver_count() > 0
    }

    /// Whether nothing waits to be written.
    pub(super) fn has_empty_line(&self) -> bool {
        self.state().line.is_empty()
    }

    /// Whether nothing more can be written.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state().thread, Thread::Failed(_))
    }

    /// Puts the pieces into the line as soon as there is room for them. Dropped
    /// before that, it leaves them where they are.
    pub(super) async fn put(self: &Arc<Self>, pieces: &mut Vec<Bytes>) -> StoreResult<()> {
        loop {
            {
                let mut state = self.state();
                if let Thread::Failed(error) = &mut state.thread {
                    return Err(self.failure(error.take()));
                }
                let room = if self.is_followed() {
                    FOLLOWED_ROOM
                } else {
                    ROOM
                };
                if state.line.length == 0 || state.line.length + length(pieces) <= room {
                    self.add(&mut state, pieces);
                    return Ok(());
                }
            }
            self.room.notified().await;
        }
    }

    /// Puts at most a stretch into the line, whether or not there is room.
    pub(super) fn put_now(self: &Arc<Self>, pieces: &mut Vec<Bytes>) {
        self.add(&mut self.state(), pieces);
    }

    fn add(self: &Arc<Self>, state: &mut State, pieces: &mut Vec<Bytes>) {
        state.line.length += length(pieces);
        state.line.pieces.append(pieces);
        self.start(state);
    }

    /// Has the file made while bytes arrive.
    pub(super) fn begin(self: &Arc<Self>) {
        self.put_then(Box::new(|output, _| {
            // If it cannot be made, the first write says so.
            let _ = output.target.make();
            true
        }));
    }

    /// Does something once the pieces, and all that went before them, are
    /// written and hashed.
    pub(super) async fn after<T: Send + 'static>(
        self: &Arc<Self>,
        pieces: &mut Vec<Bytes>,
        work: impl FnOnce(&Self, &mut Progress) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.put(pieces).await?;
        let (sender, receiver) = oneshot::channel();
        self.put_then(Box::new(move |output, progress| {
            let done = work(output, progress);
            let is_good = done.is_ok();
            // Nobody is told if the caller is gone.
            let _ = sender.send(done);
            is_good
        }));
        match receiver.await {
            Ok(done) => done,
            Err(_) => Err(match &mut self.state().thread {
                Thread::Failed(error) => self.failure(error.take()),
                Thread::Idle(_) | Thread::Running => self.failure(None),
            }),
        }
    }

    fn put_then(self: &Arc<Self>, then: Then) {
        let mut state = self.state();
        if !matches!(state.thread, Thread::Failed(_)) {
            state.line.then = Some(then);
            self.start(&mut state);
        }
    }

    /// Why nothing more can be written: an error that was told before is
    /// `Conflict` if that is why.
    fn failure(&self, error: Option<StoreError>) -> StoreError {
        let earlier = || StoreError::unavailable("an earlier write of this object failed");
        error
            .or_else(|| self.target.check().err())
            .unwrap_or_else(earlier)
    }

    fn start(self: &Arc<Self>, state: &mut State) {
        if state.line.is_empty() || !matches!(state.thread, Thread::Idle(_)) {
            return;
        }
        if let Thread::Idle(progress) = mem::replace(&mut state.thread, Thread::Running) {
            let output = Arc::clone(self);
            task::spawn_blocking(move || {
                Worker {
                    output,
                    progress: Some(progress),
                }
                .work();
            });
        }
    }

    /// Writes and hashes pieces. Blocks.
    fn advance(&self, progress: &mut Progress, pieces: &[Bytes]) -> StoreResult<()> {
        self.target.write(progress.offset, pieces)?;
        progress.offset += length(pieces) as u64;
        self.readable.send_replace(progress.offset);
        // Whoever follows does not wait for the disk, and needs the processor.
        if !self.is_followed() {
            self.target.write_back(progress.offset);
        }
        for piece in pieces {
            progress.hash.update(piece);
        }
        Ok(())
    }

    /// Publishes the object, or deletes it where the digest is another. Blocks.
    pub(super) fn finish(&self, progress: &Progress, expected: Digest) -> StoreResult<Finished> {
        let size = progress.offset;
        let actual = if progress.hash.algorithm() == expected.algorithm() {
            progress.hash.clone().finish()
        } else {
            self.target.digest(expected.algorithm(), size)?
        };
        if actual != expected {
            self.target.discard()?;
            return Ok(Finished::Mismatch { actual });
        }
        self.target.publish()?;
        Ok(Finished::Stored { size })
    }
}

fn length(pieces: &[Bytes]) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

/// The thread. However it ends, a panic included, it says so.
struct Worker {
    output: Arc<Output>,
    /// There until the thread ends.
    progress: Option<Box<Progress>>,
}

impl Worker {
    fn work(mut self) {
        let end = self.offset() + TURN;
        while let Some(mut line) = self.next(end) {
            let error = match self.step(&mut line) {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => Some(error),
            };
            self.output.state().thread = Thread::Failed(error);
            // Only now, with its end, does whoever waits for it hear of this.
            drop(line);
            return;
        }
    }

    fn offset(&self) -> u64 {
        self.progress.as_ref().map_or(0, |progress| progress.offset)
    }

    fn step(&mut self, line: &mut Line) -> StoreResult<bool> {
        let Some(progress) = &mut self.progress else {
            return Ok(false);
        };
        self.output.advance(progress, &line.pieces)?;
        line.pieces.clear();
        let Some(then) = line.then.take() else {
            return Ok(true);
        };
        self.output.target.check()?;
        Ok(then(&self.output, progress))
    }

    /// All that waits. The thread ends where that is nothing, and where its
    /// turn does: then another goes on, behind what waits for a thread.
    fn next(&mut self, end: u64) -> Option<Line> {
        let is_over = self.offset() >= end;
        let mut state = self.output.state();
        if state.line.is_empty() || is_over {
            state.thread = self
                .progress
                .take()
                .map_or(Thread::Failed(None), Thread::Idle);
            self.output.start(&mut state);
            return None;
        }
        let mut line = mem::take(&mut state.line);
        if let Some(progress) = &self.progress {
            state.line = line.split_tail(progress.offset);
        }
        drop(state);
        self.output.room.notify_one();
        Some(line)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It left in order; by now there may be another.
        if self.progress.is_none() {
            return;
        }
        let mut state = self.output.state();
        if matches!(state.thread, Thread::Running) {
            state.thread = Thread::Failed(None);
        }
        // Whoever waits for what comes after is told by this.
        state.line = Line::default();
        drop(state);
        self.output.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use berth_domain::{FreshId, WriteState};
    use berth_oci::Algorithm;
    use tokio::time::timeout;

    use super::super::FileBlobs;
    use super::*;

    #[test]
    fn what_is_behind_the_last_whole_stretch_waits() {
        let stretch = usize::try_from(STRETCH).unwrap();
        // The offset, what waits, and how much of it goes on waiting.
        for (offset, lengths, expected) in [
            (0, &[stretch][..], 0),
            (0, &[10], 0),
            (0, &[stretch, 10], 10),
            (10, &[stretch], 10),
            (10, &[100, stretch, 7], 117),
            (STRETCH - 5, &[3, 4, 5], 7),
            (STRETCH - 5, &[2, 2], 0),
        ] {
            let bytes: Vec<u8> = (0..=255).cycle().take(lengths.iter().sum()).collect();
            let mut rest = Bytes::from(bytes.clone());
            let mut line = Line {
                pieces: lengths
                    .iter()
                    .map(|length| rest.split_to(*length))
                    .collect(),
                length: bytes.len(),
                then: None,
            };
            let tail = line.split_tail(offset);
            assert_eq!(
                (tail.length, line.length + tail.length),
                (expected, bytes.len())
            );
            assert_eq!([line.pieces.concat(), tail.pieces.concat()].concat(), bytes);
            assert_eq!(tail.pieces.concat().len(), expected);
        }
    }

    /// An output with its thread, which has done nothing yet.
    fn begun(folder: &Path) -> (Arc<Output>, Worker) {
        let store = FileBlobs::open(folder).unwrap();
        let target = Target::fresh(&store, FreshId(1).into()).unwrap();
        let hash = WriteState::new(Algorithm::default()).hash;
        let output = Output::new(target, Progress { hash, offset: 0 });
        let begun = mem::replace(&mut output.state().thread, Thread::Running);
        let Thread::Idle(progress) = begun else {
            panic!("it has begun already");
        };
        let worker = Worker {
            output: Arc::clone(&output),
            progress: Some(progress),
        };
        (output, worker)
    }

    #[test]
    fn a_thread_that_leaves_leaves_the_next_ones_bytes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (output, mut worker) = begun(folder.path());
        assert!(worker.next(TURN).is_none());
        let mut state = output.state();
        assert!(matches!(state.thread, Thread::Idle(_)));
        // Another begins before this one is gone.
        state.thread = Thread::Running;
        state.line.pieces.push(Bytes::from_static(b"piece"));
        drop(state);
        drop(worker);
        let state = output.state();
        assert!(matches!(state.thread, Thread::Running));
        assert_eq!(state.line.pieces.len(), 1);
    }

    #[tokio::test]
    async fn a_turn_that_is_over_is_given_to_a_thread_that_writes_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (output, mut worker) = begun(folder.path());
        output.put_now(&mut vec![Bytes::from_static(b"piece")]);
        assert!(worker.next(0).is_none());
        drop(worker);
        let mut readable = output.readable.subscribe();
        let written = readable.wait_for(|offset| *offset == 5);
        timeout(Duration::from_secs(30), written)
            .await
            .expect("somebody writes")
            .unwrap();
    }

    /// Looks why a write failed as soon as it is let go of.
    struct Waiter {
        output: Arc<Output>,
        reason: mpsc::Sender<Option<StoreError>>,
    }

    impl Drop for Waiter {
        fn drop(&mut self) {
            let reason = match &mut self.output.state().thread {
                Thread::Failed(reason) => reason.take(),
                Thread::Idle(_) | Thread::Running => None,
            };
            self.reason.send(reason).unwrap();
        }
    }

    #[test]
    fn whoever_waits_for_a_write_that_fails_finds_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (output, worker) = begun(folder.path());
        fs::remove_dir(folder.path().join("uploads")).unwrap();
        let (reason, told) = mpsc::channel();
        let waiter = Waiter {
            output: Arc::clone(&output),
            reason,
        };
        output.put_now(&mut vec![Bytes::from_static(b"piece")]);
        output.put_then(Box::new(move |_, _| {
            drop(waiter);
            true
        }));
        worker.work();
        let told = told.recv().unwrap();
        assert!(matches!(told, Some(StoreError::Unavailable(_))), "{told:?}");
    }
}
