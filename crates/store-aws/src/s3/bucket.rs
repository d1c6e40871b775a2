//! The calls to S3, one function each: keys and bytes in, what the port calls
//! them out.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use berth_oci::{Algorithm, Digest};
use berth_ports::{Span, StoreError, StoreResult};
use bytes::Bytes;

use super::S3Settings;
use crate::Aws;
use crate::error::{chain, code, failed, unavailable};

/// One try of a call without a large body.
const TRY: Duration = Duration::from_secs(10);
/// All tries of one.
const CALL: Duration = Duration::from_secs(25);
/// Slower than this no body is sent, bytes a second.
const SLOWEST: usize = 128 * 1024;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a call is tried where that helps.
const TRIES: u32 = 4;
/// How many keys one call deletes.
const DELETED_AT_ONCE: usize = 1000;
/// How often a write is tried that another one of the same key is in the way of.
pub(super) const CONFLICTS: u32 = 5;
/// The wait between these.
pub(super) const AFTER_CONFLICT: Duration = Duration::from_millis(100);

/// A bucket, or a folder of one. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(super) client: Client,
    pub(super) name: Arc<str>,
    prefix: Arc<str>,
}

/// What the clients of one store are made from.
pub(super) fn config(aws: &Aws, settings: &S3Settings, endpoint: Option<&String>) -> Builder {
    let mut config = Builder::from(aws.config());
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    config
        .force_path_style(settings.path_style)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts(Duration::ZERO))
}

fn timeouts(longer: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(TRY + longer)
        .operation_timeout(CALL + longer)
        .build()
}

impl Bucket {
    pub(super) fn new(aws: &Aws, settings: &S3Settings) -> Self {
        let mut config = config(aws, settings, settings.endpoint.as_ref());
        config.set_interceptors(aws.watcher());
        Self {
            client: Client::from_conf(config.build()),
            name: settings.bucket.as_str().into(),
            prefix: settings.prefix.as_str().into(),
        }
    }

    /// What an object is called on S3.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Stores an object whose key nobody used before; `AlreadyExists` if
    /// somebody did, which may be a try of this call whose answer was lost.
    pub(crate) async fn put_new(&self, key: &str, bytes: Bytes, digest: Digest) -> StoreResult<()> {
        for _ in 0..CONFLICTS {
            let Err(error) = self.put_call(key, bytes.clone(), Some(digest)).await else {
                return Ok(());
            };
            match code(&error) {
                Some("PreconditionFailed") => {
                    return Err(StoreError::AlreadyExists(format!("object {key}")));
                }
                Some("ConditionalRequestConflict") => tokio::time::sleep(AFTER_CONFLICT).await,
                _ => return Err(failed("PutObject", &error)),
            }
        }
        Err(unavailable(
            "PutObject",
            "another request writes the same key",
        ))
    }

    /// Stores an object, or the same one again.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> StoreResult<()> {
        self.put_call(key, bytes, None)
            .await
            .map_err(|error| failed("PutObject", &error))
    }

    /// Stores an object; `new`: its digest if there must be none yet.
    async fn put_call(
        &self,
        key: &str,
        bytes: Bytes,
        new: Option<Digest>,
    ) -> Result<(), SdkError<PutObjectError>> {
        let sha256 = new
            .filter(|digest| digest.algorithm() == Algorithm::Sha256)
            .map(|digest| BASE64.encode(digest.hash()));
        let config = Self::patient(for_body(bytes.len()));
        self.client
            .put_object()
            .bucket(&*self.name)
            .key(self.path(key))
            .set_if_none_match(new.map(|_| "*".to_owned()))
            .set_checksum_sha256(sha256)
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(config)
            .send()
            .await
            .map(drop)
    }

    /// Begins to read an object, or bytes of it, of which there is at least
    /// one.
    pub(super) async fn get(&self, key: &str, span: Option<Span>) -> StoreResult<GetObjectOutput> {
        let range = span.map(|span| format!("bytes={}-{}", span.start, span.end - 1));
        self.client
            .get_object()
            .bucket(&*self.name)
            .key(self.path(key))
            .set_range(range)
            .send()
            .await
            .map_err(|error| {
                let service = error.as_service_error();
                if service.is_some_and(GetObjectError::is_no_such_key) {
                    return StoreError::NotFound(format!("object {key}"));
                }
                match code(&error) {
                    Some("InvalidRange") => {
                        StoreError::Corrupt(format!("object {key} is shorter than its record says"))
                    }
                    _ => failed("GetObject", &error),
                }
            })
    }

    /// Reads a whole small object, again if its body breaks off.
    pub(crate) async fn get_all(&self, key: &str) -> StoreResult<Bytes> {
        let mut tries = 1;
        loop {
            match self.get(key, None).await?.body.collect().await {
                Ok(bytes) => return Ok(bytes.into_bytes()),
                Err(error) if tries == TRIES => {
                    return Err(unavailable("GetObject", chain(&error)));
                }
                Err(_) => tries += 1,
            }
        }
    }

    /// Whether there is such a bucket.
    pub(super) async fn exists(&self) -> StoreResult<bool> {
        let head = self.client.head_bucket().bucket(&*self.name).send().await;
        match head {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(HeadBucketError::NotFound(_)) => Ok(false),
                _ => Err(failed("HeadBucket", &error)),
            },
        }
    }

    /// How large an object is; `None` if it is not there, though the bucket is.
    pub(super) async fn size(&self, key: &str) -> StoreResult<Option<u64>> {
        let head = self
            .client
            .head_object()
            .bucket(&*self.name)
            .key(self.path(key))
            .send()
            .await;
        match head {
            Ok(head) => Ok(Some(length(head.content_length()))),
            Err(error) => match error.as_service_error() {
                // The answer has no body that said of what there is none.
                Some(HeadObjectError::NotFound(_)) if self.exists().await? => Ok(None),
                _ => Err(failed("HeadObject", &error)),
            },
        }
    }

    /// The keys that begin with `beginning`, without the prefix; there are few.
    pub(super) async fn beginning_with(&self, beginning: &str) -> StoreResult<Vec<String>> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&*self.name)
            .prefix(self.path(beginning))
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("ListObjectsV2", &error))?;
            let found = page.contents().iter().filter_map(|object| object.key());
            keys.extend(found.filter_map(|key| Some(key.strip_prefix(&*self.prefix)?.to_owned())));
        }
        Ok(keys)
    }

    /// Deletes objects, if any; one that is not there is no error.
    pub(crate) async fn delete(&self, keys: &[String]) -> StoreResult<()> {
        for keys in keys.chunks(DELETED_AT_ONCE) {
            let objects = keys
                .iter()
                .map(|key| ObjectIdentifier::builder().key(self.path(key)).build())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| unavailable("DeleteObjects", error.to_string()))?;
            let delete = Delete::builder()
                .set_objects(Some(objects))
                .quiet(true)
                .build()
                .map_err(|error| unavailable("DeleteObjects", error.to_string()))?;
            let deleted = self
                .client
                .delete_objects()
                .bucket(&*self.name)
                .delete(delete)
                .send()
                .await
                .map_err(|error| failed("DeleteObjects", &error))?;
            if let Some(error) = deleted.errors().first() {
                let code = error.code().unwrap_or("an unknown error");
                return Err(unavailable("DeleteObjects", code));
            }
        }
        Ok(())
    }

    /// Settings of a call that may take longer.
    pub(super) fn patient(longer: Duration) -> Builder {
        Builder::new().timeout_config(timeouts(longer))
    }
}

/// How much longer a call may take that sends so many bytes.
pub(super) fn for_body(length: usize) -> Duration {
    let seconds = length / SLOWEST;
    Duration::from_secs(seconds.try_into().unwrap_or(u64::MAX))
}

/// A length as S3 says it.
pub(super) fn length(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}
