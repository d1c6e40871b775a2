//! The calls of multipart uploads.

use std::time::Duration;

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;

use super::bucket::{AFTER_CONFLICT, Bucket, CONFLICTS, for_body};
use super::progress::{Part, Upload};
use crate::error::{code, failed, unavailable};

/// Completing an object of many parts may take S3 some minutes.
const COMPLETION: Duration = Duration::from_mins(5);

impl Bucket {
    /// Begins an upload.
    pub(super) async fn create_upload(&self, key: &str) -> StoreResult<Upload> {
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&*self.name)
            .key(self.path(key))
            .send()
            .await
            .map_err(|error| failed("CreateMultipartUpload", &error))?;
        let id = created
            .upload_id
            .ok_or_else(|| unavailable("CreateMultipartUpload", "the answer has no upload id"))?;
        Ok(Upload {
            id,
            parts: Vec::new(),
            claimed: false,
        })
    }

    /// Sends one part. `NotFound` if the upload is gone.
    ///
    /// The signature has the bytes' SHA-256, which S3 checks. It gets no
    /// checksum besides: S3 wants parts with one to be numbered without gaps.
    pub(super) async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: u16,
        bytes: Bytes,
    ) -> StoreResult<Part> {
        let config = Self::patient(for_body(bytes.len()))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        let sent = self
            .client
            .upload_part()
            .bucket(&*self.name)
            .key(self.path(key))
            .upload_id(upload)
            .part_number(number.into())
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(config)
            .send()
            .await
            .map_err(|error| upload_failed("UploadPart", key, &error))?;
        let etag = sent
            .e_tag()
            .ok_or_else(|| unavailable("UploadPart", "the answer has no entity tag"))?;
        Ok(Part {
            number,
            etag: etag.trim_matches('"').to_owned(),
        })
    }

    /// Makes the object of the parts, if there is none yet. `AlreadyExists` if
    /// there is, `NotFound` if the upload is gone: either may be a try of this
    /// call whose answer was lost. `Conflict` if another writer put something
    /// else under a part's number.
    pub(super) async fn complete_upload(&self, key: &str, upload: &Upload) -> StoreResult<()> {
        for _ in 0..CONFLICTS {
            let Err(error) = self.complete_call(key, upload).await else {
                return Ok(());
            };
            return Err(match code(&error) {
                Some("ConditionalRequestConflict") => {
                    tokio::time::sleep(AFTER_CONFLICT).await;
                    continue;
                }
                Some("PreconditionFailed") => StoreError::AlreadyExists(format!("object {key}")),
                Some("InvalidPart") => StoreError::Conflict(format!("object {key}")),
                _ => upload_failed("CompleteMultipartUpload", key, &error),
            });
        }
        let reason = "another request writes the same key";
        Err(unavailable("CompleteMultipartUpload", reason))
    }

    async fn complete_call(
        &self,
        key: &str,
        upload: &Upload,
    ) -> Result<(), SdkError<CompleteMultipartUploadError>> {
        let parts = upload.parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number.into())
                .e_tag(&part.etag)
                .build()
        });
        self.client
            .complete_multipart_upload()
            .bucket(&*self.name)
            .key(self.path(key))
            .upload_id(&upload.id)
            .if_none_match("*")
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts.collect()))
                    .build(),
            )
            .customize()
            .config_override(Self::patient(COMPLETION))
            .send()
            .await
            .map(drop)
    }

    /// Throws an upload and its parts away; one that is gone is no error.
    pub(super) async fn abort_upload(&self, key: &str, upload: &str) -> StoreResult<()> {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&*self.name)
            .key(self.path(key))
            .upload_id(upload)
            .send()
            .await;
        match aborted {
            Err(error) if code(&error) != Some("NoSuchUpload") => {
                Err(failed("AbortMultipartUpload", &error))
            }
            _ => Ok(()),
        }
    }

    /// The unfinished uploads to exactly this key.
    pub(super) async fn uploads_of(&self, key: &str) -> StoreResult<Vec<String>> {
        let path = self.path(key);
        let (mut key_marker, mut upload_marker) = (None, None);
        let mut found = Vec::new();
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&*self.name)
                .prefix(&path)
                .set_key_marker(key_marker)
                .set_upload_id_marker(upload_marker)
                .send()
                .await
                .map_err(|error| failed("ListMultipartUploads", &error))?;
            let uploads = page.uploads().iter();
            let ours = uploads.filter(|upload| upload.key() == Some(&path));
            found.extend(ours.filter_map(|upload| upload.upload_id().map(str::to_owned)));
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            key_marker = page.next_key_marker;
            upload_marker = page.next_upload_id_marker;
        }
    }
}

fn upload_failed<E>(operation: &'static str, key: &str, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E>: RequestId,
{
    match code(error) {
        Some("NoSuchUpload") => StoreError::NotFound(format!("the upload of object {key}")),
        _ => failed(operation, error),
    }
}
