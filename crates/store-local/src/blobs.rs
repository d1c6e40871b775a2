//! Blobs as files: a finished object is `blobs/<last two hex>/<key>`, an
//! unfinished one `uploads/<key>`.
//!
//! A file gets its final name when its bytes are on the disk, by a rename, so
//! that no partial file is ever visible. Folders go by the key's *last* digits
//! because the first ones of a key made from the time hardly differ.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_ports::{Access, BlobStore, BlobWriter, ByteStream, Span, StoreError, StoreResult};
use bytes::Bytes;

use buffers::Buffers;
use fences::Fences;
use layout::Layout;
use progress::Run;
use reader::Reader;
use writer::FileWriter;

mod buffers;
mod cached;
mod fences;
mod growing;
mod io;
mod layout;
mod output;
mod progress;
mod reader;
mod target;
mod write_back;
mod writer;

/// A [`BlobStore`] on a folder of a local file system. Cheap to clone.
///
/// One process at a time may use a folder: writers fence each other in memory.
#[derive(Clone, Debug)]
pub struct FileBlobs {
    layout: Arc<Layout>,
    fences: Fences,
    run: Run,
    buffers: Buffers,
}

impl FileBlobs {
    /// Opens the store in `dir`, making what is not there yet (folders 0700,
    /// files 0600). Blocks.
    pub fn open(dir: &Path) -> StoreResult<Self> {
        Ok(Self {
            layout: Arc::new(Layout::create(dir)?),
            fences: Fences::default(),
            run: Run::begin(),
            buffers: Buffers::default(),
        })
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> {
        let store = self.clone();
        let writer = io::blocking(move || FileWriter::open(&store, key, state)).await?;
        Ok(Box::new(writer))
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()> {
        let store = self.clone();
        io::blocking(move || {
            let target = target::Target::fresh(&store, key)?;
            let stored = target.write(0, &[bytes]).and_then(|()| target.publish());
            if stored.is_err() {
                // The first error says more than one about the leftover would.
                let _ = target.discard();
            }
            stored
        })
        .await
    }

    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> {
        let reader = Reader::open(&self.layout, &self.buffers, key, size, span).await?;
        Ok(Access::File(reader.file_span(), reader.stream()))
    }

    async fn stream(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<ByteStream> {
        let reader = Reader::open(&self.layout, &self.buffers, key, size, span).await?;
        Ok(reader.stream())
    }

    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>> {
        let path = self.layout.finished(key);
        io::blocking(move || match path.metadata() {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::store_error(error)),
        })
        .await
    }

    async fn unfinished(&self) -> StoreResult<Vec<ObjectKey>> {
        let layout = Arc::clone(&self.layout);
        io::blocking(move || layout.all_unfinished().map_err(io::store_error)).await
    }

    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()> {
        let Self { layout, fences, .. } = self.clone();
        let keys = keys.to_vec();
        io::blocking(move || {
            let mut changed = BTreeSet::new();
            for key in keys {
                // Whoever still writes it must not publish it afterwards.
                fences.claim(key).guarded(|| {
                    for path in [layout.unfinished(key), layout.finished(key)] {
                        if layout::unlink(&path)? {
                            changed.insert(layout::parent(&path).to_owned());
                        }
                    }
                    Ok(())
                })?;
            }
            changed
                .iter()
                .try_for_each(|folder| layout::sync_folder(folder))
                .map_err(io::store_error)
        })
        .await
    }
}

/// Reads `length` bytes at `offset`, all of them.
fn read_exactly(file: &File, key: ObjectKey, offset: u64, length: usize) -> StoreResult<Bytes> {
    let mut bytes = vec![0; length];
    read_into(file, key, offset, &mut bytes)?;
    Ok(bytes.into())
}

/// Fills `buffer` with the bytes at `offset`.
fn read_into(file: &File, key: ObjectKey, offset: u64, buffer: &mut [u8]) -> StoreResult<()> {
    file.read_exact_at(buffer, offset)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                StoreError::Corrupt(format!("object {key} is shorter than its record says"))
            }
            _ => io::store_error(error),
        })
}
