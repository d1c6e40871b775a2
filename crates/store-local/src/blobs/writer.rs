//! The streaming writer: it gathers what arrives into pieces and hands them to
//! the thread of its [`Output`], as whole stretches of the file.

use std::fmt;
use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::Digest;
use berth_ports::{BlobWriter, Finished, Growing, StoreResult};
use bytes::{Bytes, BytesMut};

use super::FileBlobs;
use super::buffers::Buffers;
use super::growing::GrowingFile;
use super::output::{Output, Progress, STRETCH};
use super::progress::Run;
use super::target::Target;

/// Shorter pieces are copied together: each may keep more memory than its own
/// bytes, and costs a call.
const SMALL: usize = 16 * 1024;

/// How many bytes are copied together.
const COPIED: usize = 128 * 1024;

/// How many bytes are handed over at once, at least, while others wait to be
/// written and somebody follows.
const FOLLOWED: usize = 64 * 1024;

/// A [`BlobWriter`] on a file. It holds at most five stretches: some bytes
/// arrive, some wait, some are written; while somebody follows, some more.
pub(super) struct FileWriter {
    run: Run,
    buffers: Buffers,
    output: Arc<Output>,
    /// Where this writer began.
    start: u64,
    /// Pieces not handed over, and those behind them that were copied.
    pieces: Vec<Bytes>,
    copied: BytesMut,
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
        };
        Ok(Self {
            run: store.run,
            buffers: store.buffers.clone(),
            output: Output::new(target, progress),
            start: state.offset,
            pieces: Vec::new(),
            copied: BytesMut::new(),
            offset: state.offset,
        })
    }

    fn take(&mut self, bytes: Bytes) {
        self.offset += bytes.len() as u64;
        if bytes.len() >= SMALL {
            self.seal();
            self.pieces.push(bytes);
            return;
        }
        if self.copied.capacity() == 0 {
            // At once what it may come to: buffers that grow leave holes in
            // the heap, which with many uploads add up to more than these.
            self.copied.reserve(COPIED);
        }
        self.copied.extend_from_slice(&bytes);
        if self.copied.len() + SMALL > COPIED {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if self.copied.is_empty() {
            return;
        }
        let copied = if self.copied.len() < COPIED / 4 {
            // Few bytes are not to keep the whole buffer.
            let few = Bytes::copy_from_slice(&self.copied);
            self.copied.clear();
            few
        } else {
            mem::take(&mut self.copied).freeze()
        };
        self.pieces.push(copied);
    }

    /// Bytes not handed over.
    fn pending(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum::<usize>() + self.copied.len()
    }

    /// Whether what was taken should be written now, be it much or little.
    fn is_due(&self) -> bool {
        // Whoever follows waits for each byte; otherwise fewer and even writes
        // are better.
        let pending = self.pending();
        pending > 0 && self.offset.is_multiple_of(STRETCH)
            || self.output.is_followed() && (pending >= FOLLOWED || self.output.has_empty_line())
            || self.output.has_failed()
    }

    async fn hand_over(&mut self) -> StoreResult<()> {
        self.seal();
        self.output.put(&mut self.pieces).await
    }

    /// Does something with all that was taken once it is written and hashed.
    async fn after<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Output, &mut Progress) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.seal();
        self.output.after(&mut self.pieces, work).await
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn append(&mut self, mut bytes: Bytes) -> StoreResult<()> {
        if self.offset == self.start {
            self.output.begin();
        }
        while !bytes.is_empty() {
            let room = STRETCH - self.offset % STRETCH;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            self.take(bytes.split_to(bytes.len().min(room)));
            if self.is_due() {
                self.hand_over().await?;
            }
        }
        Ok(())
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        self.after(|_, progress| Ok(progress.hash.clone().finish()))
            .await
    }

    async fn flush(&mut self) -> StoreResult<()> {
        self.after(|output, _| output.target.sync()).await
    }

    /// After all that was taken, which the system has by then; no disk is
    /// waited for.
    async fn checkpoint(&mut self) -> StoreResult<WriteState> {
        let run = self.run;
        self.after(move |_, progress| {
            Ok(WriteState {
                offset: progress.offset,
                hash: progress.hash.clone(),
                progress: run.progress(),
            })
        })
        .await
    }

    async fn pause(mut self: Box<Self>) -> StoreResult<WriteState> {
        self.checkpoint().await
    }

    async fn finish(mut self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        self.after(move |output, progress| output.finish(progress, expected))
            .await
    }

    fn follow(&mut self) -> Option<Arc<dyn Growing>> {
        self.seal();
        self.output.put_now(&mut self.pieces);
        let Output {
            target, readable, ..
        } = &*self.output;
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
