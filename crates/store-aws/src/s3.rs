//! Blobs as objects of an S3 bucket: `blobs/<key>`, and beside an unfinished
//! one perhaps a tail, `blobs/<key>.t..` (`writer`), and claims of numbers,
//! `blobs/<key>.n..` (`parts`).
//!
//! | call | requests to S3 |
//! |---|---|
//! | a writer of less than a part, finished at once | 1 PUT |
//! | of more | create, a PUT a part, complete; behind 512 parts 1 PUT for each 4 more |
//! | a checkpoint | none |
//! | a pause | 1 PUT if bytes are left over that make no part |
//! | going on after it | 1 GET of these; where there are parts, 1 PUT for each 4 more, and 1 list in the end |
//! | `put` | 1 PUT |
//! | `read` | none where clients are redirected, else 1 GET |
//! | `stream` | 1 GET |
//! | `size` | 1 HEAD, and if there is none 1 of the bucket |
//! | `attest` | 1 HEAD; 1 COPY, 1 HEAD and 1 delete more for an object that came in parts |
//! | `delete` | 2 lists an object and 1 delete; 1 list more where clients may put blobs themselves |
//!
//! All writes of a blob's own key say "if there is none", so no object ever
//! changes. Writers in different processes share nothing: each puts parts only
//! under numbers that nobody else has, and the object is made of those that its
//! own state names, by number and entity tag.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::{ObjectKey, WriteState};
use berth_oci::Digest;
use berth_ports::{
    Access, Attested, BlobStore, BlobWriter, ByteStream, Span, StoreError, StoreResult,
};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::Aws;
use fences::Fences;
use memory::Memory;
use presign::{Presigner, Signed};
use staging::StagingArea;
use writer::S3Writer;

pub(crate) use bucket::Bucket;

mod attest;
mod bucket;
mod check;
mod create;
mod fences;
mod memory;
mod multipart;
mod parts;
mod presign;
mod progress;
mod reader;
mod room;
mod staging;
mod writer;

/// Which bucket, and how clients get at it.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys in it begin with: nothing, or a folder that ends in `/`.
    pub prefix: String,
    /// The service's address; `None`: the region's.
    pub endpoint: Option<String>,
    /// Whether the bucket's name is in addresses' paths, not in their host
    /// names.
    pub path_style: bool,
    /// How long an address lives that a client is redirected to read a blob
    /// at; `None`: blobs are passed on by this process.
    pub redirect: Option<Duration>,
    /// The service's address as clients know it, where that is another.
    pub public_endpoint: Option<String>,
    /// How long an address lives that a client is sent to with the bytes of a
    /// blob; `None`: all uploads come through this process.
    pub uploads: Option<Duration>,
    /// The address of the front at which clients put them; `None`: they go to
    /// S3 itself.
    pub upload_endpoint: Option<String>,
}

/// Blobs in an S3 bucket. Cheap to clone.
///
/// It keeps nothing that another instance needs. Each writer holds up to a part
/// in memory (5 to 8 MiB, more for blobs of more than 4 GiB), and parts on
/// their way share 32 MiB.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    bucket: Bucket,
    presigner: Option<Presigner>,
    staging: Option<StagingArea>,
    fences: Fences,
    memory: Memory,
}

/// What all writers of a process hold beside the smallest part of each.
const SHARED_MEMORY: usize = 32 * 1024 * 1024;

/// How many objects are looked for at once before they are deleted.
const DELETED_BESIDE: usize = 16;

/// An object's key on S3.
fn path(key: ObjectKey) -> String {
    format!("blobs/{key}")
}

impl S3Blobs {
    /// The blobs of this bucket. Makes no call.
    pub fn open(aws: &Aws, settings: &S3Settings) -> Self {
        let endpoint = settings.public_endpoint.as_ref();
        let endpoint = endpoint.or(settings.endpoint.as_ref());
        let presigner = settings
            .redirect
            .map(|lifetime| Presigner::new(aws, settings, endpoint, lifetime));
        let staging = settings
            .uploads
            .map(|lifetime| StagingArea::new(aws, settings, lifetime));
        Self {
            bucket: Bucket::new(aws, settings),
            presigner,
            staging,
            fences: Fences::default(),
            memory: Memory::of(SHARED_MEMORY),
        }
    }

    /// Makes the bucket if it is not there, with rules by which S3 throws away
    /// what crashes leave: parts of uploads after 14 days, large jobs after 30.
    /// One that is there keeps the rules that it has.
    pub async fn create_bucket(&self) -> StoreResult<()> {
        self.bucket.create().await
    }

    /// The bucket, for what else is kept in it.
    pub(crate) const fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Ends all uploads of an object and finds what there is of it.
    async fn unravel(&self, key: ObjectKey) -> StoreResult<Vec<String>> {
        self.fences.revoke(key);
        let path = path(key);
        for upload in self.bucket.uploads_of(&path).await? {
            self.bucket.abort_upload(&path, &upload).await?;
        }
        let mut found = self.bucket.beginning_with(&path).await?;
        if self.staging.is_some() {
            let staged = staging::folder(key);
            found.extend(self.bucket.beginning_with(&staged).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> {
        Ok(Box::new(S3Writer::open(self, key, state)?))
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()> {
        let (path, digest) = (path(key), Digest::sha256(&bytes));
        match self.bucket.put_new(&path, bytes, digest).await {
            Err(StoreError::AlreadyExists(what)) => {
                let (found, _) = reader::hash(&self.bucket, &path, digest.algorithm()).await?;
                if found == digest {
                    Ok(())
                } else {
                    Err(StoreError::AlreadyExists(what))
                }
            }
            stored => stored,
        }
    }

    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> {
        match &self.presigner {
            Some(presigner) => {
                let address = presigner
                    .sign(&self.bucket, &path(key), Signed::Get)
                    .await?;
                Ok(Access::Redirect(address))
            }
            None => self.stream(key, size, span).await.map(Access::Stream),
        }
    }

    async fn stream(&self, key: ObjectKey, _size: u64, span: Span) -> StoreResult<ByteStream> {
        reader::stream(&self.bucket, path(key), span).await
    }

    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>> {
        self.bucket.size(&path(key)).await
    }

    async fn attest(&self, key: ObjectKey) -> StoreResult<Option<Attested>> {
        self.bucket.attest_by_copy(key).await
    }

    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()> {
        let found: Vec<_> = stream::iter(keys.to_vec())
            .map(|key| self.unravel(key))
            .buffer_unordered(DELETED_BESIDE)
            .try_concat()
            .await?;
        self.bucket.delete(&found).await
    }
}
