//! Blobs that clients put into the bucket themselves:
//! `staging/<key>/<the digest in hex>`.
//!
//! | call | requests to S3 |
//! |---|---|
//! | an offer | none; 1 GET once a minute for what `check-store` found |
//! | `staged` | 1 HEAD |
//! | `adopt` | 1 COPY, 1 HEAD |
//!
//! Clients are sent to a front that passes what they send on to S3 under S3's
//! own name, so that the signature holds, and answers with
//! `Docker-Content-Digest`, which it has from the path. S3 itself does not say
//! it, and containerd takes no upload for complete without it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use berth_domain::ObjectKey;
use berth_oci::{Algorithm, Digest};
use berth_ports::{Attested, Staging, StoreError, StoreResult};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::presign::{Presigner, Signed};
use super::{Bucket, S3Blobs, S3Settings, path};
use crate::Aws;
use crate::error::chain;

/// What S3 takes in one PUT, and copies in one call.
pub(super) const LONGEST: u64 = 5 * 1024 * 1024 * 1024;

/// How long what was found of the store is believed.
const BELIEVED: Duration = Duration::from_mins(1);

/// How long it may take to read that.
const PATIENCE: Duration = Duration::from_secs(5);

/// How clients get what they push into the bucket.
#[derive(Clone, Debug)]
pub(super) struct StagingArea {
    presigner: Presigner,
    /// The address of S3, if it is not the region's.
    endpoint: Option<Arc<str>>,
    /// The address of the front.
    front: Option<Arc<str>>,
    /// Whether uploads were found to work there, and when that was read.
    proven: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// The folder of what is staged for a key.
pub(super) fn folder(key: ObjectKey) -> String {
    format!("staging/{key}/")
}

fn staged_path(key: ObjectKey, digest: Digest) -> String {
    format!("{}{}", folder(key), digest.hex())
}

impl StagingArea {
    /// Where offers live so long, of a bucket whose settings have a front.
    pub(super) fn new(aws: &Aws, settings: &S3Settings, lifetime: Duration) -> Self {
        let endpoint = settings.endpoint.as_ref();
        Self {
            presigner: Presigner::new(aws, settings, endpoint, lifetime),
            endpoint: endpoint.map(|endpoint| endpoint.as_str().into()),
            front: settings.upload_endpoint.as_deref().map(Into::into),
            proven: Arc::default(),
        }
    }

    /// The address at which a client puts so many bytes at a path.
    pub(super) async fn address(
        &self,
        bucket: &Bucket,
        path: &str,
        length: u64,
    ) -> StoreResult<String> {
        let signed = self
            .presigner
            .sign(bucket, path, Signed::Put { length })
            .await?;
        Ok(match &self.front {
            Some(front) => at(front, &signed),
            None => signed,
        })
    }

    /// Whether `check-store` found that uploads by way of this front work. Where
    /// nobody can tell, they may as well come through this process.
    async fn is_proven(&self, bucket: &Bucket) -> bool {
        let mut proven = self.proven.lock().await;
        if let Some((read, found)) = *proven
            && read.elapsed() < BELIEVED
        {
            return found;
        }
        let reading = super::check::uploads_proven(bucket, self.stores());
        let found = match timeout(PATIENCE, reading).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "cannot read what check-store found");
                false
            }
            Err(_) => false,
        };
        if !found {
            tracing::warn!(
                "clients are not sent to the store with their uploads, `berth admin check-store` did not find that it works"
            );
        }
        *proven = Some((Instant::now(), found));
        found
    }

    /// The store's address and the front's.
    fn stores(&self) -> (Option<&str>, Option<&str>) {
        (self.endpoint.as_deref(), self.front.as_deref())
    }
}

/// The same address at another host.
fn at(front: &str, address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    format!("{front}{path}")
}

#[async_trait]
impl Staging for S3Blobs {
    fn is_open(&self) -> bool {
        self.staging.is_some()
    }

    async fn offer(
        &self,
        key: ObjectKey,
        digest: Digest,
        length: u64,
    ) -> StoreResult<Option<String>> {
        let Some(staging) = &self.staging else {
            return Ok(None);
        };
        let can = digest.algorithm() == Algorithm::Sha256 && length <= LONGEST;
        if !can || !staging.is_proven(&self.bucket).await {
            return Ok(None);
        }
        let path = staged_path(key, digest);
        staging.address(&self.bucket, &path, length).await.map(Some)
    }

    async fn staged(&self, key: ObjectKey, digest: Digest) -> StoreResult<Option<u64>> {
        self.bucket.size(&staged_path(key, digest)).await
    }

    async fn adopt(
        &self,
        key: ObjectKey,
        digest: Digest,
        object: ObjectKey,
    ) -> StoreResult<Attested> {
        let path = path(object);
        self.bucket.copy(&staged_path(key, digest), &path).await?;
        let attested = self.bucket.attest(&path).await?;
        attested.ok_or_else(|| {
            StoreError::unavailable("the store computed no SHA-256 of what it copied")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_has_the_stores_paths() {
        let signed = "http://127.0.0.1:9000/bucket/staging/1/a?X-Amz-Signature=b";
        let expected = "https://up.test/bucket/staging/1/a?X-Amz-Signature=b";
        assert_eq!(at("https://up.test", signed), expected);
    }
}
