//! Objects: bytes under opaque keys, written once.

use std::fmt::Debug;
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::Digest;
use bytes::Bytes;
use futures_core::Stream;

use crate::{Attested, StoreError, StoreResult};

/// A stream of an object's bytes; ends early only with an error.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// Bytes of an object: from `start` up to and without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte's offset.
    pub start: u64,
    /// One past the last byte's offset; at least `start`.
    pub end: u64,
}

impl Span {
    /// How many bytes it covers.
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether it covers none.
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

/// How a reader gets at an object.
pub enum Access {
    /// It asks there itself; the address is signed and short-lived.
    Redirect(String),
    /// We pass the bytes on.
    Stream(ByteStream),
    /// Likewise; they are a file's, which may go to the client by a shorter
    /// way.
    File(FileSpan, ByteStream),
}

/// Bytes of an open file of this machine.
#[derive(Clone, Debug)]
pub struct FileSpan {
    /// The file; what was written is never changed.
    pub file: Arc<File>,
    /// Which bytes.
    pub span: Span,
    /// Who says how far it can be read, if it is still being written.
    pub arrival: Option<Arc<dyn Arrival>>,
}

/// Bytes that are still being written.
#[async_trait]
pub trait Arrival: Debug + Send + Sync {
    /// Waits until bytes at `offset` can be read: up to where, at most `end`.
    /// An error if they will not come, or some before turned out to be wrong.
    async fn wait(&self, offset: u64, end: u64) -> StoreResult<u64>;
}

/// How an upload ended.
#[derive(Debug)]
pub enum Finished {
    /// The object is complete, readable and durable.
    Stored {
        /// Its size in bytes.
        size: u64,
    },
    /// The bytes hash to something else; the object is gone.
    Mismatch {
        /// What they hash to.
        actual: Digest,
    },
}

/// Objects under opaque keys: each written once, by one writer at a time,
/// then read and deleted, never changed.
///
/// # Contract
/// - An object is readable only after [`BlobWriter::finish`] returned
///   [`Finished::Stored`]; from then on its bytes and its name survive a power
///   loss.
/// - Any instance can go on from what [`BlobWriter::pause`] or
///   [`BlobWriter::checkpoint`] returned. After a
///   power loss it may be gone, which [`BlobStore::write`] says then: it never
///   goes on with bytes that are not those of the state.
/// - Keys are fresh and never reused, so a late delete of one object cannot
///   touch another.
/// - A store may hold back up to one part (8 MiB) of each writer in memory.
#[async_trait]
pub trait BlobStore: Debug + Send + Sync + 'static {
    /// Opens a writer that goes on after `state`
    /// ([`WriteState::new`] for a fresh object). A writer that was opened for
    /// this key before can write no more: its calls fail with
    /// [`StoreError::Conflict`], and none of its later bytes are kept. Opening
    /// alone changes no byte, so that a caller may look once more whether it
    /// still may write. [`StoreError::NotFound`] if there is no unfinished
    /// object to go on with, [`StoreError::Corrupt`] if it is shorter than
    /// `state` says or of an unknown form.
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>>;

    /// Stores a whole small object (a manifest): readable and durable once it
    /// returns.
    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()>;

    /// Gives access to `span` of a finished object of `size` bytes.
    /// [`StoreError::NotFound`] if it is not there.
    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access>;

    /// Streams `span` of a finished object through this process, for callers
    /// that cannot follow a redirect.
    async fn stream(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<ByteStream>;

    /// The size of a finished object; `None` if there is none.
    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>>;

    /// What the store itself says of a finished object's bytes, where it can
    /// without sending them here; `None` where they must be read.
    async fn attest(&self, _key: ObjectKey) -> StoreResult<Option<Attested>> {
        Ok(None)
    }

    /// The keys of all objects that were begun and are not finished, where the
    /// store can say them, else none. For a start that cleans up: while others
    /// write, one of these may be finished by the time it is looked at.
    async fn unfinished(&self) -> StoreResult<Vec<ObjectKey>> {
        Ok(Vec::new())
    }

    /// Deletes objects (at most 1,000), finished or not, for good. One that is
    /// not there is no error.
    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()>;
}

/// A writer of one object.
///
/// Dropping it without [`pause`](Self::pause) or [`finish`](Self::finish)
/// keeps what an earlier pause kept, and what a checkpoint said.
#[async_trait]
pub trait BlobWriter: Debug + Send {
    /// Bytes taken so far, the resumed ones included.
    fn offset(&self) -> u64;

    /// Takes `bytes`, hashes them and writes them some time before
    /// [`pause`](Self::pause) or [`finish`](Self::finish) return. Waits while
    /// too much is on its way.
    async fn append(&mut self, bytes: Bytes) -> StoreResult<()>;

    /// The digest of what was taken so far, by the running algorithm.
    async fn digest(&mut self) -> StoreResult<Digest>;

    /// Makes what was taken durable, so that little of it is left to
    /// [`finish`](Self::finish): the caller can do something else meanwhile. A
    /// store for which that is no use does nothing.
    async fn flush(&mut self) -> StoreResult<()> {
        Ok(())
    }

    /// How another could go on if this writer were gone now: after as much of
    /// what was taken as the store has by now, which is no promise of more than
    /// where it began. It waits for nothing that is on its way, and the writer
    /// goes on.
    async fn checkpoint(&mut self) -> StoreResult<WriteState>;

    /// Keeps what was taken and returns how to go on from here.
    async fn pause(self: Box<Self>) -> StoreResult<WriteState>;

    /// Completes the object if its bytes hash to `expected`. A digest of
    /// another algorithm than the running one costs a second read. If they do
    /// not, nothing is left of the object.
    async fn finish(self: Box<Self>, expected: Digest) -> StoreResult<Finished>;

    /// A view of the bytes taken so far, for readers that follow the write.
    /// `None` where the store cannot show an unfinished object: readers then
    /// wait until it is finished.
    fn follow(&mut self) -> Option<Arc<dyn Growing>>;
}

/// An object while it is being written.
#[async_trait]
pub trait Growing: Debug + Send + Sync {
    /// How many bytes can be read by now.
    fn readable(&self) -> u64;

    /// Waits until more than `offset` bytes can be read, or nothing more will
    /// come (the writer finished, paused or was dropped); returns how many can
    /// be read.
    async fn wait_beyond(&self, offset: u64) -> u64;

    /// Reads some bytes at `offset`, at most `limit`, of those that are
    /// readable. Works on after the object is finished or deleted.
    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes>;

    /// The file that the bytes are in, if they are in one and some are
    /// readable.
    fn file(&self) -> Option<Arc<File>> {
        None
    }
}
