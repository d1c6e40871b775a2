//! The bytes of blobs, in files named by their digests.

use std::io;
use std::path::{Path, PathBuf};

use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{ByteStream, StoreError};
use berth_service::{Body, BodyError};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{BLOBS, Folder, at, new_file, private_folders, sync};
use crate::error::{Result, TransferError};
use crate::progress::Progress;

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// Why a blob's bytes were not stored.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// They did not come.
    Broken(StoreError),
    /// They are another's.
    Wrong(Digest),
}

impl Folder {
    /// Whether a blob's file is there. A file has its name only once its bytes
    /// were verified, so its size tells all but damage done since.
    pub(crate) async fn has_blob(&self, digest: Digest, size: u64) -> Result<bool> {
        let path = self.blob(digest);
        match fs::metadata(&path).await {
            Ok(file) => Ok(file.is_file() && file.len() == size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Stores a blob's bytes, verified and durable but for the name.
    pub(crate) async fn put_blob(
        &self,
        digest: Digest,
        bytes: ByteStream,
        progress: &Progress,
    ) -> Result<std::result::Result<(), NotStored>> {
        let path = self.blob(digest);
        let partial = path.with_added_extension("partial");
        let folder = self.blobs(digest.algorithm());
        private_folders().create(&folder).map_err(at(&folder))?;
        let mut written = 0;
        let copied = copy(&partial, digest, bytes, |some| {
            written += some;
            progress.add(some);
        })
        .await
        .map_err(at(&partial))?;
        if let Err(error) = copied {
            progress.take_back(written);
            fs::remove_file(&partial).await.map_err(at(&partial))?;
            return Ok(Err(error));
        }
        fs::rename(&partial, &path).await.map_err(at(&path))?;
        Ok(Ok(()))
    }

    /// Reads a blob's bytes; whoever takes them verifies them.
    pub(crate) async fn read_blob(&self, digest: Digest, size: u64) -> Result<Body> {
        let path = self.blob(digest);
        let damaged = |what: String| TransferError::DamagedBlob {
            path: path.clone(),
            what,
        };
        let file = match File::open(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("the file is missing".to_owned()));
            }
            file => file.map_err(at(&path))?,
        };
        let length = file.metadata().await.map_err(at(&path))?.len();
        if length != size {
            return Err(damaged(format!("it has {length} bytes, not {size}")));
        }
        Ok(Box::pin(stream::try_unfold(file, async |mut file| {
            let mut bytes = BytesMut::with_capacity(CHUNK);
            match file.read_buf(&mut bytes).await {
                Ok(0) => Ok(None),
                Ok(_) => Ok(Some((bytes.freeze(), file))),
                Err(error) => Err(BodyError(error.to_string())),
            }
        })))
    }

    /// The error for a blob whose bytes are not its own.
    pub(crate) fn damaged_blob(&self, digest: Digest, what: String) -> TransferError {
        TransferError::DamagedBlob {
            path: self.blob(digest),
            what,
        }
    }

    pub(super) async fn sync_blob_folders(&self) -> io::Result<()> {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            match sync(&self.blobs(algorithm)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync(&self.path.join(BLOBS)).await
    }

    fn blobs(&self, algorithm: Algorithm) -> PathBuf {
        self.path.join(BLOBS).join(algorithm.as_str())
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        self.blobs(digest.algorithm()).join(digest.hex())
    }
}

/// Writes a stream to a file and makes it durable.
async fn copy(
    path: &Path,
    digest: Digest,
    mut bytes: ByteStream,
    mut written: impl FnMut(u64),
) -> io::Result<std::result::Result<(), NotStored>> {
    let mut file = new_file(path).await?;
    let mut hasher = Hasher::new(digest.algorithm());
    while let Some(some) = bytes.next().await {
        let some = match some {
            Ok(some) => some,
            Err(error) => return Ok(Err(NotStored::Broken(error))),
        };
        hasher.update(&some);
        file.write_all(&some).await?;
        written(some.len() as u64);
    }
    let actual = hasher.finish();
    if actual != digest {
        return Ok(Err(NotStored::Wrong(actual)));
    }
    file.sync_all().await?;
    Ok(Ok(()))
}
