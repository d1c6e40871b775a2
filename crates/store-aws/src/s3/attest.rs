//! What S3 itself says of an object's bytes.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::copy_object::CopyObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, MetadataDirective};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use berth_domain::ObjectKey;
use berth_oci::Digest;
use berth_ports::{Attested, StoreError, StoreResult};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::bucket::{Bucket, for_body, length};
use super::path;
use super::staging::{LONGEST, folder};
use crate::error::{chain, code, failed};

/// A copy is given as long as a body of the largest object that can be copied
/// in one call, at ten times the slowest rate.
const COPIED: usize = 512 * 1024 * 1024;

/// What stands as it is in the name of what is copied.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'/');

impl Bucket {
    /// Copies an object of at most 5 GiB within the bucket to a key that nobody
    /// has used; S3 computes the SHA-256 of the copy. Nothing else of the object
    /// goes along, as a client may have said of it what it liked. `NotFound` if
    /// there is none.
    ///
    /// It is tried once: another try may come to its end after one that was
    /// looked at, with other bytes.
    pub(super) async fn copy(&self, from: &str, to: &str) -> StoreResult<()> {
        let path = self.path(from);
        let path = utf8_percent_encode(&path, ESCAPED);
        let once = Self::patient(for_body(COPIED)).retry_config(RetryConfig::disabled());
        let copied = self
            .client
            .copy_object()
            .bucket(&*self.name)
            .key(self.path(to))
            .copy_source(format!("{}/{path}", self.name))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .metadata_directive(MetadataDirective::Replace)
            .content_type("application/octet-stream")
            .customize()
            .config_override(once)
            .send()
            .await;
        copied.map(drop).map_err(|error| copy_failed(from, &error))
    }

    /// The SHA-256 that S3 computed or checked of a whole object; `None` where
    /// it has none. `NotFound` if there is no object.
    pub(super) async fn attest(&self, key: &str) -> StoreResult<Option<Attested>> {
        let (size, digest) = self.size_and_digest(key).await?;
        Ok(digest.map(|digest| Attested { size, digest }))
    }

    /// The same of any object that can be copied in one call: one that has no
    /// SHA-256 is copied aside, and gets it by that. `None` too where that fails:
    /// then the bytes are to be read.
    pub(super) async fn attest_by_copy(&self, key: ObjectKey) -> StoreResult<Option<Attested>> {
        let object = path(key);
        let (size, digest) = self.size_and_digest(&object).await?;
        if let Some(digest) = digest {
            return Ok(Some(Attested { size, digest }));
        }
        if size > LONGEST {
            return Ok(None);
        }
        let aside = aside(key);
        let attested = match self.copy(&object, &aside).await {
            Ok(()) => self.attest(&aside).await,
            Err(error) => Err(error),
        };
        if let Err(error) = self.delete(&[aside]).await {
            tracing::warn!(object, error = chain(&error), "a copy to be hashed is left");
        }
        Ok(attested.unwrap_or_else(|error| {
            tracing::debug!(object, error = chain(&error), "the store hashes no copy");
            None
        }))
    }

    async fn size_and_digest(&self, key: &str) -> StoreResult<(u64, Option<Digest>)> {
        let head = self
            .client
            .head_object()
            .bucket(&*self.name)
            .key(self.path(key))
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        match head {
            Ok(head) => {
                let digest = head.checksum_sha256().and_then(digest);
                Ok((length(head.content_length()), digest))
            }
            Err(error) => match error.as_service_error() {
                Some(HeadObjectError::NotFound(_)) if self.exists().await? => {
                    Err(StoreError::NotFound(format!("object {key}")))
                }
                _ => Err(failed("HeadObject", &error)),
            },
        }
    }
}

/// A place for a copy that nobody else makes now.
fn aside(key: ObjectKey) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    format!("{}{now}-{}", folder(key), std::process::id())
}

/// A checksum as S3 writes it; one of parts' checksums, which ends in their
/// number, says nothing of the whole.
fn digest(checksum: &str) -> Option<Digest> {
    let mut text = String::from("sha256:");
    for byte in BASE64.decode(checksum).ok()? {
        write!(text, "{byte:02x}").ok()?;
    }
    text.parse().ok()
}

fn copy_failed(from: &str, error: &SdkError<CopyObjectError>) -> StoreError {
    match code(error) {
        Some("NoSuchKey") => StoreError::NotFound(format!("object {from}")),
        _ => failed("CopyObject", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_checksum_of_a_whole_object_is_a_digest() {
        let of_nothing = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(digest(of_nothing), Some(Digest::sha256(b"")));
        assert_eq!(digest(&format!("{of_nothing}-2")), None);
        assert_eq!(digest("AAAA"), None);
    }
}
