//! Writing an object: hashed as it comes, sent in parts, continued by any
//! instance.
//!
//! What is not yet a part is held in memory. A pause puts it into an object of
//! its own beside the blob's, the tail, named after the bytes that it ends
//! with, so that writers who took different bytes have different tails. An
//! object that never had a part is stored by one PUT.

use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Digest, Hasher};
use berth_ports::{BlobWriter, Finished, Growing, StoreError, StoreResult};
use bytes::{Buf, Bytes};

use super::S3Blobs;
use super::bucket::Bucket;
use super::fences::Fence;
use super::memory::Share;
use super::parts::{Boundary, LEAST, Parts};
use super::progress::{Progress, Tail};
use super::reader;
use super::room::Room;

/// A writer of one object.
#[derive(Debug)]
pub(super) struct S3Writer {
    bucket: Bucket,
    fence: Fence,
    /// The object's key on S3, without the store's prefix.
    key: String,
    hash: Hasher,
    offset: u64,
    /// How another could go on: as this writer did, or after the last
    /// checkpoint.
    kept: WriteState,
    parts: Parts,
    /// What is behind the last part: here,
    buffer: Room,
    /// or still on S3.
    unread: Option<Tail>,
    /// The tail on S3, read or not.
    tail: Option<String>,
    /// The one before it.
    outdated: Option<String>,
    share: Share,
}

impl S3Writer {
    pub(super) fn open(store: &S3Blobs, key: ObjectKey, state: WriteState) -> StoreResult<Self> {
        let progress = Progress::restore(key, &state.progress)?;
        let tail_length = progress.tail.as_ref().map_or(0, |tail| tail.length.into());
        if state.offset < tail_length || (state.offset > tail_length && progress.upload.is_none()) {
            let text = format!("object {key} is shorter than its state says");
            return Err(StoreError::Corrupt(text));
        }
        let path = super::path(key);
        Ok(Self {
            bucket: store.bucket.clone(),
            fence: store.fences.claim(key),
            hash: state.hash.clone(),
            offset: state.offset,
            kept: state,
            parts: Parts::of(store.bucket.clone(), path.clone(), progress.upload),
            key: path,
            buffer: Room::default(),
            tail: progress.tail.as_ref().map(|tail| tail.name.clone()),
            unread: progress.tail,
            outdated: progress.outdated,
            share: store.memory.share(),
        })
    }

    /// Brings the tail into memory.
    async fn read_tail(&mut self) -> StoreResult<()> {
        let Some(tail) = &self.unread else {
            return Ok(());
        };
        let bytes = self.bucket.get_all(&self.tail_key(&tail.name)).await?;
        if u32::try_from(bytes.len()) != Ok(tail.length) {
            let text = format!("the tail of object {} has another length", self.key);
            return Err(StoreError::Corrupt(text));
        }
        self.unread = None;
        self.share.hold(bytes.len());
        self.keep(&bytes)
    }

    /// Keeps bytes in memory, with room for the rest of the part.
    fn keep(&mut self, bytes: &[u8]) -> StoreResult<()> {
        let (size, _) = self.parts.next_size();
        let kept = self.buffer.put(bytes, size);
        kept.map_err(StoreError::unavailable)
    }

    /// Puts bytes behind the others, and sends what makes a part. Offset and
    /// hash are always those of the end of what is in memory, so that they are
    /// a part's when that is sent.
    async fn take(&mut self, mut bytes: Bytes) -> StoreResult<()> {
        while !bytes.is_empty() {
            let (size, least) = self.parts.next_size();
            if self.buffer.len() >= size {
                self.send_part().await?;
                continue;
            }
            self.share.set_free(least);
            let room = self.share.room(bytes.len().min(size - self.buffer.len()));
            if room == 0 {
                // Memory is short: a smaller part will do, and what is on its
                // way is waited for.
                if self.buffer.len() >= LEAST {
                    self.send_part().await?;
                }
                let arrived = self.parts.arrival().await?;
                self.share.release(arrived);
                continue;
            }
            self.keep(&bytes[..room])?;
            self.hash.update(&bytes[..room]);
            self.offset += room as u64;
            self.share.hold(room);
            bytes.advance(room);
        }
        Ok(())
    }

    /// Sends all that is in memory as one part.
    async fn send_part(&mut self) -> StoreResult<()> {
        while self.parts.are_many() {
            let arrived = self.parts.arrival().await?;
            self.share.release(arrived);
        }
        let place = self.parts.place().await?;
        let end = Boundary {
            offset: self.offset,
            hash: self.hash.clone(),
        };
        let part = self.buffer.take();
        self.parts.send(place, part, end);
        Ok(())
    }

    async fn all_arrived(&mut self) -> StoreResult<()> {
        loop {
            let arrived = self.parts.arrival().await?;
            if arrived == 0 {
                return Ok(());
            }
            self.share.release(arrived);
        }
    }

    /// Makes the object of what was taken. `Err(digest)`: it is another one
    /// than the caller says.
    async fn complete(&mut self, expected: Digest) -> StoreResult<Result<(), Digest>> {
        self.read_tail().await?;
        let known = if expected.algorithm() == self.hash.algorithm() {
            Some(self.hash.clone().finish())
        } else if self.parts.is_none() {
            Some(Digest::of(expected.algorithm(), self.buffer.as_ref()))
        } else {
            None
        };
        if let Some(actual) = known.filter(|actual| *actual != expected) {
            return Ok(Err(actual));
        }
        if self.parts.is_none() {
            let bytes = self.buffer.take();
            self.bucket.put_new(&self.key, bytes, expected).await?;
        } else {
            if !self.buffer.is_empty() {
                self.send_part().await?;
            }
            self.all_arrived().await?;
            if let Some(upload) = self.parts.upload() {
                self.bucket.complete_upload(&self.key, upload).await?;
            }
        }
        if known.is_some() {
            return Ok(Ok(()));
        }
        let (actual, _) = reader::hash(&self.bucket, &self.key, expected.algorithm()).await?;
        if actual == expected {
            return Ok(Ok(()));
        }
        self.bucket.delete(std::slice::from_ref(&self.key)).await?;
        Ok(Err(actual))
    }

    /// What came of an object that somebody else completed, or an earlier call
    /// of ours whose answer was lost.
    async fn completed_before(&self, expected: Digest) -> StoreResult<u64> {
        let (actual, size) = reader::hash(&self.bucket, &self.key, expected.algorithm()).await?;
        if actual == expected {
            return Ok(size);
        }
        Err(StoreError::Conflict(format!("object {}", self.key)))
    }

    /// Leaves nothing of an object whose bytes are wrong. Under its own key
    /// there is none: if there is one, another writer finished it.
    async fn discard(&self) -> StoreResult<()> {
        if let Some(upload) = self.parts.upload() {
            self.bucket.abort_upload(&self.key, &upload.id).await?;
        }
        self.bucket.delete(&self.tails()).await
    }

    /// Throws away what a stored object does not need any more. What stays
    /// behind goes with the object.
    async fn tidy(&self) {
        let claimed = self.parts.upload().is_some_and(|upload| upload.claimed);
        let tidied = if claimed {
            match self.bucket.beginning_with(&self.tail_key("")).await {
                Ok(all) => self.bucket.delete(&all).await,
                Err(error) => Err(error),
            }
        } else {
            self.bucket.delete(&self.tails()).await
        };
        if let Err(error) = tidied {
            tracing::debug!(%error, key = self.key, "the rests of a stored object stay behind");
        }
    }

    /// The tails that this write knows of.
    fn tails(&self) -> Vec<String> {
        let names = [&self.tail, &self.outdated].into_iter().flatten();
        names.map(|name| self.tail_key(name)).collect()
    }

    fn tail_key(&self, name: &str) -> String {
        format!("{}.{name}", self.key)
    }

    /// Puts what is in memory into an object of its own.
    async fn put_tail(&mut self) -> StoreResult<Option<Tail>> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let bytes = self.buffer.take();
        let length = u32::try_from(bytes.len()).map_err(StoreError::unavailable)?;
        let hash = self.hash.clone().finish().hex();
        let name = format!("t{}-{}", self.offset - u64::from(length), &hash[..32]);
        self.bucket.put(&self.tail_key(&name), bytes).await?;
        Ok(Some(Tail { name, length }))
    }
}

#[async_trait]
impl BlobWriter for S3Writer {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        self.fence.check()?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.read_tail().await?;
        self.take(bytes).await
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        Ok(self.hash.clone().finish())
    }

    /// Waits for the parts; the rest is the object's end, and sent with it.
    async fn flush(&mut self) -> StoreResult<()> {
        self.fence.check()?;
        self.all_arrived().await
    }

    /// After the last part before which none is missing.
    ///
    /// The first part that is sent here begins with the bytes of the tail that
    /// this writer began behind, so once that part is there, a state needs the
    /// tail no more. The tail stays all the same, as an outdated one: the state
    /// before has it, and may be all that is recorded yet. Whoever goes on
    /// after the newer state throws it away, because that was recorded then.
    /// What was outdated before is known to nobody from then on, and goes with
    /// the object.
    async fn checkpoint(&mut self) -> StoreResult<WriteState> {
        self.fence.check()?;
        let arrived = self.parts.arrived_by_now();
        self.share.release(arrived);
        if let Some((end, upload)) = self.parts.reached() {
            let progress = Progress {
                upload: Some(upload),
                tail: None,
                outdated: self.tail.clone(),
            };
            // There may be more parts than a record takes: then it is after as
            // many as it does take.
            if let Ok(progress) = progress.save() {
                self.kept = WriteState {
                    offset: end.offset,
                    hash: end.hash.clone(),
                    progress,
                };
            }
        }
        Ok(self.kept.clone())
    }

    async fn pause(mut self: Box<Self>) -> StoreResult<WriteState> {
        self.fence.check()?;
        if self.offset == self.kept.offset {
            return Ok(self.kept.clone());
        }
        let tail = self.put_tail().await?;
        self.all_arrived().await?;
        self.fence.check()?;
        if let Some(outdated) = self.outdated.take() {
            self.bucket.delete(&[self.tail_key(&outdated)]).await?;
        }
        let progress = Progress {
            upload: self.parts.upload().cloned(),
            tail,
            outdated: self.tail.take(),
        };
        Ok(WriteState {
            offset: self.offset,
            hash: self.hash.clone(),
            progress: progress.save()?,
        })
    }

    async fn finish(mut self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        self.fence.check()?;
        let size = match self.complete(expected).await {
            Ok(Ok(())) => self.offset,
            Ok(Err(actual)) => {
                self.discard().await?;
                return Ok(Finished::Mismatch { actual });
            }
            Err(StoreError::NotFound(_) | StoreError::AlreadyExists(_)) => {
                self.completed_before(expected).await?
            }
            Err(error) => return Err(error),
        };
        self.tidy().await;
        Ok(Finished::Stored { size })
    }

    /// S3 shows no unfinished object.
    fn follow(&mut self) -> Option<Arc<dyn Growing>> {
        None
    }
}
