//! Streaming finished objects.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::Arc;

use berth_domain::ObjectKey;
use berth_ports::{ByteStream, FileSpan, Span, StoreError, StoreResult};
use bytes::Bytes;
use futures_util::stream;

use super::buffers::{self, Buffer, Buffers};
use super::io::{blocking, store_error};
use super::layout::Layout;
use super::{cached, read_into};

/// An open file and what is still to be read of it. A reader holds no bytes:
/// its client has at most two chunks of [`buffers::LENGTH`], and the system
/// reads ahead.
pub(super) struct Reader {
    key: ObjectKey,
    file: Arc<File>,
    rest: Span,
    buffers: Buffers,
}

async fn open(layout: &Layout, key: ObjectKey) -> StoreResult<File> {
    let path = layout.finished(key);
    if let Some(file) = cached::open(&path) {
        return Ok(file);
    }
    blocking(move || {
        File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::NotFound(format!("object {key}")),
            _ => store_error(error),
        })
    })
    .await
}

impl Reader {
    /// Opens `span` of an object; `Corrupt` if that has not `size` bytes.
    pub(super) async fn open(
        layout: &Layout,
        buffers: &Buffers,
        key: ObjectKey,
        size: u64,
        span: Span,
    ) -> StoreResult<Self> {
        let file = open(layout, key).await?;
        let length = file.metadata().map_err(store_error)?.len();
        if length != size || span.end > size {
            return Err(StoreError::Corrupt(format!(
                "object {key} has {length} bytes, its record says {size}"
            )));
        }
        Ok(Self {
            key,
            file: Arc::new(file),
            rest: span,
            buffers: buffers.clone(),
        })
    }

    /// What is to be read.
    pub(super) fn file_span(&self) -> FileSpan {
        FileSpan {
            file: Arc::clone(&self.file),
            span: self.rest,
            arrival: None,
        }
    }

    /// Reads it.
    pub(super) fn stream(self) -> ByteStream {
        Box::pin(stream::unfold(self, Self::step))
    }

    /// The next chunk; an error is the last.
    async fn step(mut self) -> Option<(StoreResult<Bytes>, Self)> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read().await.map(|(buffer, length)| {
            self.rest.start += length as u64;
            buffer.freeze(length)
        });
        if read.is_err() {
            self.rest.start = self.rest.end;
        }
        Some((read, self))
    }

    /// Reads here what is in memory, and elsewhere what has to come from the
    /// disk: then the whole chunk.
    async fn read(&self) -> StoreResult<(Buffer, usize)> {
        let left = usize::try_from(self.rest.len()).unwrap_or(usize::MAX);
        let wanted = left.min(buffers::LENGTH);
        let (key, offset) = (self.key, self.rest.start);
        let mut buffer = self.buffers.take();
        if let Some(length) = cached::read_at(&self.file, &mut buffer[..wanted], offset) {
            return Ok((buffer, length));
        }
        let file = Arc::clone(&self.file);
        blocking(move || {
            read_into(&file, key, offset, &mut buffer[..wanted])?;
            Ok((buffer, wanted))
        })
        .await
    }
}
