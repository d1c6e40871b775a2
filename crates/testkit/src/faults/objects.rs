//! What ports hand out: writers, spools, growing objects, streams.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::WriteState;
use berth_oci::Digest;
use berth_ports::{
    Access, BlobWriter, ByteStream, FetchedBlob, Finished, Growing, Spool, StoreResult,
};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use super::{Fault, Faults, Injected};

type Fallible<T, E> = Pin<Box<dyn Stream<Item = Result<T, E>> + Send>>;

impl Faults {
    pub(super) fn writer(&self, inner: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(FaultyWriter {
            inner,
            faults: self.clone(),
        })
    }

    pub(super) fn access(&self, access: Access) -> Access {
        match access {
            Access::Stream(stream) | Access::File(_, stream) => Access::Stream(self.stream(stream)),
            redirect @ Access::Redirect(_) => redirect,
        }
    }

    pub(super) fn stream(&self, stream: ByteStream) -> ByteStream {
        self.breaking("a piece of BlobStore::stream", stream)
    }

    pub(super) fn fetched(&self, blob: FetchedBlob) -> FetchedBlob {
        FetchedBlob {
            stream: self.breaking("a piece of Upstream::get_blob", blob.stream),
            ..blob
        }
    }

    pub(super) fn followed(&self, blob: FetchedBlob) -> FetchedBlob {
        FetchedBlob {
            stream: self.breaking("a piece of Instances::follow", blob.stream),
            ..blob
        }
    }

    pub(super) fn spool(&self, inner: Box<dyn Spool>) -> Box<dyn Spool> {
        Box::new(FaultySpool {
            inner,
            faults: self.clone(),
        })
    }

    fn growing(&self, inner: Arc<dyn Growing>) -> Arc<dyn Growing> {
        Arc::new(FaultyGrowing {
            inner,
            faults: self.clone(),
        })
    }

    /// A stream that may fail instead of any of its items, and ends then.
    fn breaking<T, E>(&self, name: &'static str, stream: Fallible<T, E>) -> Fallible<T, E>
    where
        T: Send + 'static,
        E: Injected + Send + 'static,
    {
        let faults = self.clone();
        Box::pin(stream::unfold(Some(stream), move |stream| {
            let faults = faults.clone();
            async move {
                let mut stream = stream?;
                let item = stream.next().await?;
                if faults.next_fails(name) {
                    return Some((Err(E::injected(Fault::Fails)), None));
                }
                Some((item, Some(stream)))
            }
        }))
    }
}

#[derive(Debug)]
struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    faults: Faults,
}

#[async_trait]
impl BlobWriter for FaultyWriter {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        let append = self.inner.append(bytes);
        self.faults.call("BlobWriter::append", append).await
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        let digest = self.inner.digest();
        self.faults.call("BlobWriter::digest", digest).await
    }

    async fn flush(&mut self) -> StoreResult<()> {
        let flush = self.inner.flush();
        self.faults.call("BlobWriter::flush", flush).await
    }

    async fn checkpoint(&mut self) -> StoreResult<WriteState> {
        let checkpoint = self.inner.checkpoint();
        self.faults.call("BlobWriter::checkpoint", checkpoint).await
    }

    async fn pause(self: Box<Self>) -> StoreResult<WriteState> {
        let pause = self.inner.pause();
        self.faults.call("BlobWriter::pause", pause).await
    }

    async fn finish(self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        let finish = self.inner.finish(expected);
        self.faults.call("BlobWriter::finish", finish).await
    }

    fn follow(&mut self) -> Option<Arc<dyn Growing>> {
        let inner = self.inner.follow()?;
        Some(self.faults.growing(inner))
    }
}

#[derive(Debug)]
struct FaultySpool {
    inner: Box<dyn Spool>,
    faults: Faults,
}

#[async_trait]
impl Spool for FaultySpool {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        let append = self.inner.append(bytes);
        self.faults.call("Spool::append", append).await
    }

    fn view(&self) -> Arc<dyn Growing> {
        self.faults.growing(self.inner.view())
    }
}

#[derive(Debug)]
struct FaultyGrowing {
    inner: Arc<dyn Growing>,
    faults: Faults,
}

#[async_trait]
impl Growing for FaultyGrowing {
    fn readable(&self) -> u64 {
        self.inner.readable()
    }

    async fn wait_beyond(&self, offset: u64) -> u64 {
        self.inner.wait_beyond(offset).await
    }

    async fn read_at(&self, offset: u64, limit: usize) -> StoreResult<Bytes> {
        let read = self.inner.read_at(offset, limit);
        self.faults.call("Growing::read_at", read).await
    }
}
