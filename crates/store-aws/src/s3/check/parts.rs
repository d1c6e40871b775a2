//! Objects that come in parts.

use berth_oci::Digest;
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;

use super::objects::{CONTENT, OTHER};
use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::error::call_of;
use crate::s3::progress::Upload;
use crate::s3::{Bucket, reader};

/// The smallest part that S3 takes before the last.
const PART: usize = 5 * 1024 * 1024;

impl Bucket {
    /// An object of parts has the bytes of its parts, whose numbers may have
    /// gaps.
    pub(super) async fn joins_parts(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("parts");
        let expected = self.put_in_parts(scratch, &key).await?;
        let (found, _) = reader::hash(self, &key, expected.algorithm()).await?;
        if found == expected {
            return Ok(());
        }
        Err(Doubt::fails(
            "an object of parts has other bytes than its parts: use another store",
        ))
    }

    /// Stores an object of two parts; its digest.
    pub(super) async fn put_in_parts(&self, scratch: &Scratch, key: &str) -> StoreResult<Digest> {
        let first = Bytes::from(vec![7; PART]);
        let digest = Digest::sha256(&[&first[..], &CONTENT].concat());
        let mut upload = self.begin(scratch, key).await?;
        for (number, bytes) in [(1, first), (5, CONTENT)] {
            self.add_part(key, &mut upload, number, bytes).await?;
        }
        self.complete_upload(key, &upload).await?;
        Ok(digest)
    }

    async fn add_part(
        &self,
        key: &str,
        upload: &mut Upload,
        number: u16,
        bytes: Bytes,
    ) -> StoreResult<()> {
        let part = self.upload_part(key, &upload.id, number, bytes).await?;
        upload.parts.push(part);
        Ok(())
    }

    /// An upload that is completed "if there is no object" changes none.
    pub(super) async fn refuses_second_completion(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("completion");
        self.put(&key, CONTENT).await?;
        let mut upload = self.begin(scratch, &key).await?;
        self.add_part(&key, &mut upload, 1, OTHER).await?;
        match self.complete_upload(&key, &upload).await {
            Err(StoreError::AlreadyExists(_)) => self.still_has_content(&key).await,
            Err(error) => Err(error.into()),
            Ok(()) => Err(Doubt::fails(
                "`If-None-Match: *` is ignored by CompleteMultipartUpload, blobs could be written over: use another store",
            )),
        }
    }

    /// A part that another writer has put another in place of is not taken.
    pub(super) async fn refuses_replaced_part(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("replaced");
        let mut upload = self.begin(scratch, &key).await?;
        self.add_part(&key, &mut upload, 1, CONTENT).await?;
        self.upload_part(&key, &upload.id, 1, OTHER).await?;
        match self.complete_upload(&key, &upload).await {
            Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Err(Doubt::fails(
                "entity tags of parts are ignored, blobs could be mixed of two writers' parts: use another store",
            )),
        }
    }

    /// Whether a part before the last may be small. None of Berth's is.
    pub(super) async fn judges_small_parts(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("small");
        let mut upload = self.begin(scratch, &key).await?;
        for number in [1, 2] {
            self.add_part(&key, &mut upload, number, CONTENT).await?;
        }
        match self.complete_upload(&key, &upload).await {
            Ok(()) => Err(Doubt::remark("taken, though S3 refuses them")),
            Err(error) if code(&error) == Some("EntityTooSmall") => {
                Err(Doubt::remark("refused, as by S3"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Unfinished uploads can be found and ended.
    pub(super) async fn ends_uploads(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("ended");
        let upload = self.begin(scratch, &key).await?;
        self.upload_part(&key, &upload.id, 1, CONTENT).await?;
        let is_listed = self.uploads_of(&key).await?.contains(&upload.id);
        self.abort_upload(&key, &upload.id).await?;
        if !is_listed {
            return Err(Doubt::fails(
                "an unfinished upload is not listed, what deleted blobs leave could not be found: use another store",
            ));
        }
        let late = self.upload_part(&key, &upload.id, 2, CONTENT).await;
        match late {
            Err(StoreError::NotFound(_)) if self.uploads_of(&key).await?.is_empty() => Ok(()),
            Err(StoreError::NotFound(_)) => Err(Doubt::fails(
                "an upload is listed after it was ended: use another store",
            )),
            Err(error) => Err(error.into()),
            Ok(_) => Err(Doubt::fails(
                "an upload that was ended takes parts, deleted blobs would leave some: use another store",
            )),
        }
    }
}

fn code(error: &StoreError) -> Option<&str> {
    call_of(error)?.1
}
