//! Streaming finished objects.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::Arc;

use berth_domain::ObjectKey;
use berth_ports::{ByteStream, Span, StoreError, StoreResult};
use bytes::Bytes;
use futures_util::stream;
use tokio::task::{self, JoinHandle};

use super::io::{blocking, store_error};
use super::layout::Layout;
use super::read_exactly;

/// How much is read at once, in bytes. A reader holds at most two chunks: one
/// on its way to the client and one read ahead.
const CHUNK: u64 = 128 * 1024;

/// An open file and what is still to be read of it.
struct Reader {
    key: ObjectKey,
    file: Arc<File>,
    rest: Span,
}

impl Reader {
    /// Opens an object; `Corrupt` if it has not `size` bytes. Blocks.
    fn open(layout: &Layout, key: ObjectKey, size: u64, span: Span) -> StoreResult<Self> {
        let file = File::open(layout.finished(key)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::NotFound(format!("object {key}")),
            _ => store_error(error),
        })?;
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
        })
    }

    /// Reads the next chunk. Blocks.
    fn next(&mut self) -> StoreResult<Bytes> {
        let length = self.rest.len().min(CHUNK);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = read_exactly(&self.file, self.key, self.rest.start, wanted)?;
        self.rest.start += length;
        Ok(bytes)
    }
}

type Chunk = (Reader, Bytes);

/// Where the next chunk comes from.
enum Next {
    Here(Chunk),
    Ahead(JoinHandle<StoreResult<Chunk>>),
    End,
}

/// Opens an object and streams `span` of it. The first chunk is read at once,
/// so that a small object costs one trip to another thread.
pub(super) async fn stream(
    layout: &Arc<Layout>,
    key: ObjectKey,
    size: u64,
    span: Span,
) -> StoreResult<ByteStream> {
    let layout = Arc::clone(layout);
    let first = blocking(move || {
        let mut reader = Reader::open(&layout, key, size, span)?;
        let bytes = reader.next()?;
        Ok((reader, bytes))
    })
    .await?;
    let start = if span.is_empty() {
        Next::End
    } else {
        Next::Here(first)
    };
    Ok(Box::pin(stream::unfold(start, step)))
}

/// Takes the next chunk and has the one behind it read meanwhile.
async fn step(next: Next) -> Option<(StoreResult<Bytes>, Next)> {
    let chunk = match next {
        Next::Here(chunk) => Ok(chunk),
        Next::Ahead(handle) => handle.await.map_err(StoreError::unavailable).flatten(),
        Next::End => return None,
    };
    match chunk {
        Ok((reader, bytes)) if reader.rest.is_empty() => Some((Ok(bytes), Next::End)),
        Ok((reader, bytes)) => Some((Ok(bytes), Next::Ahead(read_ahead(reader)))),
        Err(error) => Some((Err(error), Next::End)),
    }
}

fn read_ahead(mut reader: Reader) -> JoinHandle<StoreResult<Chunk>> {
    task::spawn_blocking(move || {
        let bytes = reader.next()?;
        Ok((reader, bytes))
    })
}
