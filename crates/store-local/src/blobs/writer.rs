//! The streaming writer: it hashes and writes on another thread while the
//! next bytes arrive.

use std::fmt;
use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Digest, Hasher};
use berth_ports::{BlobWriter, Finished, Growing, StoreError, StoreResult};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::{self, JoinHandle};

use super::FileBlobs;
use super::buffers::Buffers;
use super::growing::GrowingFile;
use super::io::blocking;
use super::progress::Run;
use super::target::Target;

/// How many bytes one batch may have. A writer holds at most two: one that is
/// collected and one that is hashed and written.
const BATCH: usize = 256 * 1024;

/// What the writing thread owns while it works.
struct Progress {
    hash: Hasher,
    /// Bytes hashed and written.
    offset: u64,
    /// What to hash and write next.
    batch: Vec<u8>,
}

/// Where the [`Progress`] is.
enum Work {
    Idle(Box<Progress>),
    Running(JoinHandle<StoreResult<Box<Progress>>>),
    /// It was lost in an error: the writer is of no use any more.
    Failed,
}

/// The file and who watches it grow; both end with the last user.
struct Output {
    target: Target,
    readable: watch::Sender<u64>,
}

impl Output {
    /// Writes and hashes the batch. Blocks.
    fn advance(&self, mut progress: Box<Progress>) -> StoreResult<Box<Progress>> {
        self.target.write(progress.offset, &progress.batch)?;
        progress.offset += progress.batch.len() as u64;
        self.readable.send_replace(progress.offset);
        // Whoever follows does not wait for the disk, and needs the processor.
        if self.readable.receiver_count() == 0 {
            self.target.write_back(progress.offset);
        }
        progress.hash.update(&progress.batch);
        progress.batch.clear();
        Ok(progress)
    }

    /// Publishes the object, or deletes it where the digest is another. Blocks.
    fn finish(&self, progress: Progress, expected: Digest) -> StoreResult<Finished> {
        let size = progress.offset;
        let actual = if progress.hash.algorithm() == expected.algorithm() {
            progress.hash.finish()
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

/// A [`BlobWriter`] on a file.
pub(super) struct FileWriter {
    run: Run,
    buffers: Buffers,
    output: Arc<Output>,
    work: Work,
    /// Where this writer began.
    start: u64,
    /// Bytes taken and not handed over.
    pending: Vec<u8>,
    /// Bytes taken.
    offset: u64,
}

impl FileWriter {
    /// Opens a writer; see [`Target::open`]. Blocks.
    pub(super) fn open(store: &FileBlobs, key: ObjectKey, state: WriteState) -> StoreResult<Self> {
        let target = Target::open(store, key, &state)?;
        let progress = Progress {
            hash: state.hash,
            offset: state.offset,
            batch: Vec::new(),
        };
        Ok(Self {
            run: store.run,
            buffers: store.buffers.clone(),
            output: Arc::new(Output {
                target,
                readable: watch::Sender::new(state.offset),
            }),
            work: Work::Idle(Box::new(progress)),
            start: state.offset,
            pending: Vec::new(),
            offset: state.offset,
        })
    }

    /// Waits until no batch is being written. Dropping the future loses
    /// nothing: the next call waits again.
    async fn settle(&mut self) -> StoreResult<()> {
        if let Work::Running(handle) = &mut self.work {
            let written = handle.await;
            self.work = Work::Failed;
            self.work = Work::Idle(written.map_err(StoreError::unavailable)??);
        }
        Ok(())
    }

    /// Hands the pending bytes over, for `work` to begin with them; the last
    /// batch must be settled.
    fn hand_over(
        &mut self,
        work: impl FnOnce(&Output, Box<Progress>) -> StoreResult<Box<Progress>> + Send + 'static,
    ) -> StoreResult<()> {
        let mut progress = self.take_progress()?;
        mem::swap(&mut progress.batch, &mut self.pending);
        let output = Arc::clone(&self.output);
        self.work = Work::Running(task::spawn_blocking(move || work(&output, progress)));
        Ok(())
    }

    /// Whether what was taken should be written now, be it much or little.
    fn is_due(&self) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let idle = match &self.work {
            Work::Running(handle) => handle.is_finished(),
            Work::Idle(_) | Work::Failed => true,
        };
        // The first bytes make the file while more come in, and whoever follows
        // waits for each; otherwise fewer changes of threads are better.
        let first = self.offset == self.start + self.pending.len() as u64;
        let followed = self.output.readable.receiver_count() > 0;
        idle && (first || followed || self.pending.len() == BATCH)
    }

    fn take_progress(&mut self) -> StoreResult<Box<Progress>> {
        match mem::replace(&mut self.work, Work::Failed) {
            Work::Idle(progress) => Ok(progress),
            // An error was reported before: as `Conflict` if that is why.
            Work::Running(_) | Work::Failed => {
                self.output.target.check()?;
                Err(StoreError::unavailable(
                    "an earlier write of this object failed",
                ))
            }
        }
    }

    /// The progress with the pending bytes as its batch, for a last call.
    async fn last_batch(mut self) -> StoreResult<(Arc<Output>, Box<Progress>)> {
        self.settle().await?;
        let mut progress = self.take_progress()?;
        progress.batch = self.pending;
        Ok((self.output, progress))
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn append(&mut self, mut bytes: Bytes) -> StoreResult<()> {
        while !bytes.is_empty() {
            if self.pending.len() == BATCH {
                self.settle().await?;
                self.hand_over(Output::advance)?;
            }
            if self.pending.capacity() == 0 {
                // At once what it may come to: buffers that grow leave holes in
                // the heap, which with many uploads add up to more than these.
                self.pending.reserve_exact(BATCH);
            }
            let room = BATCH - self.pending.len();
            let part = bytes.split_to(room.min(bytes.len()));
            self.pending.extend_from_slice(&part);
            self.offset += part.len() as u64;
        }
        if self.is_due() {
            self.settle().await?;
            self.hand_over(Output::advance)?;
        }
        Ok(())
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        self.settle().await?;
        self.hand_over(Output::advance)?;
        self.settle().await?;
        match &self.work {
            Work::Idle(progress) => Ok(progress.hash.clone().finish()),
            Work::Running(_) | Work::Failed => Err(StoreError::unavailable(
                "an earlier write of this object failed",
            )),
        }
    }

    async fn flush(&mut self) -> StoreResult<()> {
        self.settle().await?;
        self.hand_over(|output, progress| {
            let progress = output.advance(progress)?;
            output.target.sync()?;
            Ok(progress)
        })?;
        self.settle().await
    }

    async fn pause(self: Box<Self>) -> StoreResult<WriteState> {
        let run = self.run;
        let (output, progress) = self.last_batch().await?;
        blocking(move || {
            let progress = output.advance(progress)?;
            Ok(WriteState {
                offset: progress.offset,
                hash: progress.hash,
                progress: run.progress(),
            })
        })
        .await
    }

    async fn finish(self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        let (output, progress) = self.last_batch().await?;
        blocking(move || {
            let progress = output.advance(progress)?;
            output.finish(*progress, expected)
        })
        .await
    }

    fn follow(&self) -> Option<Arc<dyn Growing>> {
        let Output { target, readable } = &*self.output;
        Some(Arc::new(GrowingFile::new(
            target.key(),
            target.file(),
            readable.subscribe(),
            self.buffers.clone(),
        )))
    }
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FileWriter")
            .field("key", &self.output.target.key())
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
