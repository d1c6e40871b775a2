//! Objects in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Digest, Hasher};
use berth_ports::{
    Access, Attested, BlobStore, BlobWriter, ByteStream, Finished, Growing, Span, Staging,
    StoreError, StoreResult,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;

use super::growing::GrowingBytes;
use super::{conflict, ensure, not_found};

/// How many bytes a stream yields at once, at most.
const PIECE: usize = 64 * 1024;

/// Where clients are told to put blobs.
const CLIENTS: &str = "https://store.test/";

/// A [`BlobStore`] in one process's memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<Objects>>);

#[derive(Clone, Debug, Default)]
struct Objects {
    finished: BTreeMap<ObjectKey, Bytes>,
    /// What a pause or a checkpoint kept.
    paused: BTreeMap<ObjectKey, Bytes>,
    /// The number of the one writer that may write the object.
    writers: BTreeMap<ObjectKey, u64>,
    last_writer: u64,
    /// What clients have put here themselves.
    staged: BTreeMap<(ObjectKey, Digest), Bytes>,
}

impl MemoryBlobs {
    /// Whether there is no object at all, not even an unfinished one.
    pub fn is_empty(&self) -> bool {
        let objects = self.objects();
        objects.finished.is_empty() && objects.paused.is_empty() && objects.staged.is_empty()
    }

    /// A store of its own that begins with the same objects. Writers that are
    /// open go on in the old one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.objects().clone())))
    }

    /// Does what a client does that was sent to this address.
    pub fn put_at(&self, address: &str, bytes: Bytes) {
        let offered = address
            .strip_prefix(CLIENTS)
            .and_then(|place| place.split_once('/'))
            .and_then(|(key, digest)| Some((key.parse().ok()?, digest.parse().ok()?)));
        if let Some(place) = offered {
            self.objects().staged.insert(place, bytes);
        }
    }

    /// The keys of the finished objects.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.objects().finished.keys().copied().collect()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finished(&self, key: ObjectKey) -> StoreResult<Bytes> {
        self.objects()
            .finished
            .get(&key)
            .cloned()
            .ok_or_else(|| not_found(&key))
    }
}

impl Objects {
    fn remove(&mut self, key: ObjectKey) {
        self.finished.remove(&key);
        self.paused.remove(&key);
        self.writers.remove(&key);
        self.staged.retain(|(staged, _), _| *staged != key);
    }
}

fn span_of(bytes: &Bytes, key: ObjectKey, span: Span) -> StoreResult<Bytes> {
    let range = usize::try_from(span.start)
        .ok()
        .zip(usize::try_from(span.end).ok());
    range
        .and_then(|(start, end)| bytes.get(start..end))
        .map(|slice| bytes.slice_ref(slice))
        .ok_or_else(|| StoreError::Corrupt(format!("object {key} is shorter than {}", span.end)))
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> {
        let mut objects = self.objects();
        let paused = match objects.paused.get(&key) {
            Some(paused) => paused.clone(),
            None if state.offset == 0 => Bytes::new(),
            None => return Err(not_found(&key)),
        };
        let kept = span_of(
            &paused,
            key,
            Span {
                start: 0,
                end: state.offset,
            },
        )?;
        objects.last_writer += 1;
        let number = objects.last_writer;
        objects.writers.insert(key, number);
        Ok(Box::new(MemoryWriter {
            store: self.clone(),
            key,
            number,
            bytes: watch::Sender::new(kept.to_vec()),
            hash: state.hash,
        }))
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()> {
        self.objects().finished.insert(key, bytes);
        Ok(())
    }

    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> {
        Ok(Access::Stream(self.stream(key, size, span).await?))
    }

    async fn stream(&self, key: ObjectKey, _size: u64, span: Span) -> StoreResult<ByteStream> {
        let bytes = span_of(&self.finished(key)?, key, span)?;
        let pieces: Vec<_> = bytes
            .chunks(PIECE)
            .map(|piece| Ok(bytes.slice_ref(piece)))
            .collect();
        Ok(Box::pin(stream::iter(pieces)))
    }

    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>> {
        Ok(self
            .objects()
            .finished
            .get(&key)
            .map(|bytes| bytes.len() as u64))
    }

    async fn unfinished(&self) -> StoreResult<Vec<ObjectKey>> {
        Ok(self.objects().paused.keys().copied().collect())
    }

    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()> {
        let mut objects = self.objects();
        for key in keys {
            objects.remove(*key);
        }
        Ok(())
    }
}

/// Open, where tests put it among the ports.
#[async_trait]
impl Staging for MemoryBlobs {
    fn is_open(&self) -> bool {
        true
    }

    async fn offer(&self, key: ObjectKey, digest: Digest, _: u64) -> StoreResult<Option<String>> {
        Ok(Some(format!("{CLIENTS}{key}/{digest}")))
    }

    async fn staged(&self, key: ObjectKey, digest: Digest) -> StoreResult<Option<u64>> {
        let objects = self.objects();
        let staged = objects.staged.get(&(key, digest));
        Ok(staged.map(|bytes| bytes.len() as u64))
    }

    async fn adopt(
        &self,
        key: ObjectKey,
        digest: Digest,
        object: ObjectKey,
    ) -> StoreResult<Attested> {
        let mut objects = self.objects();
        let staged = objects.staged.get(&(key, digest)).cloned();
        let staged = staged.ok_or_else(|| not_found(&key))?;
        objects.finished.insert(object, staged.clone());
        Ok(Attested {
            size: staged.len() as u64,
            digest: Digest::sha256(&staged),
        })
    }
}

#[derive(Debug)]
struct MemoryWriter {
    store: MemoryBlobs,
    key: ObjectKey,
    number: u64,
    /// All that was taken; closed when the writer is gone.
    bytes: watch::Sender<Vec<u8>>,
    hash: Hasher,
}

impl MemoryWriter {
    /// The objects, while this is the one that may write its own.
    fn objects(&self) -> StoreResult<MutexGuard<'_, Objects>> {
        let objects = self.store.objects();
        let current = objects.writers.get(&self.key) == Some(&self.number);
        ensure(current, || conflict(&self.key))?;
        Ok(objects)
    }

    fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes.borrow())
    }
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    fn offset(&self) -> u64 {
        self.bytes.borrow().len() as u64
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        drop(self.objects()?);
        self.bytes.send_modify(|all| all.extend_from_slice(&bytes));
        self.hash.update(&bytes);
        Ok(())
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        drop(self.objects()?);
        Ok(self.hash.clone().finish())
    }

    async fn checkpoint(&mut self) -> StoreResult<WriteState> {
        self.objects()?.paused.insert(self.key, self.bytes());
        Ok(WriteState {
            offset: self.offset(),
            hash: self.hash.clone(),
            progress: Vec::new(),
        })
    }

    async fn pause(mut self: Box<Self>) -> StoreResult<WriteState> {
        self.checkpoint().await
    }

    async fn finish(self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        let mut objects = self.objects()?;
        let bytes = self.bytes();
        let actual = if self.hash.algorithm() == expected.algorithm() {
            self.hash.clone().finish()
        } else {
            Digest::of(expected.algorithm(), &bytes)
        };
        objects.remove(self.key);
        if actual != expected {
            return Ok(Finished::Mismatch { actual });
        }
        let size = bytes.len() as u64;
        objects.finished.insert(self.key, bytes);
        Ok(Finished::Stored { size })
    }

    fn follow(&mut self) -> Option<Arc<dyn Growing>> {
        Some(Arc::new(GrowingBytes(self.bytes.subscribe())))
    }
}
