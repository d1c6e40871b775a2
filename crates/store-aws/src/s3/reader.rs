//! Reading objects through this process.

use aws_sdk_s3::primitives::ByteStream as Body;
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{ByteStream, Span, StoreError, StoreResult};
use bytes::Bytes;
use futures_util::stream::{self, TryStreamExt};

use super::bucket::{Bucket, length};
use crate::error::{chain, unavailable};

/// How often a stream that breaks off is taken up again where it stopped, if
/// nothing comes of it.
const RESUMPTIONS: u32 = 3;

/// Bytes of an object on their way through.
struct Reader {
    bucket: Bucket,
    key: String,
    /// What is still to come.
    rest: Span,
    body: Body,
    resumptions: u32,
}

/// Opens an object and streams bytes of it. What breaks off on the way is
/// taken up again; the object cannot have changed meanwhile.
pub(super) async fn stream(bucket: &Bucket, key: String, span: Span) -> StoreResult<ByteStream> {
    if span.is_empty() {
        return match bucket.size(&key).await? {
            Some(_) => Ok(Box::pin(stream::empty())),
            None => Err(StoreError::NotFound(format!("object {key}"))),
        };
    }
    let reader = Reader {
        body: open(bucket, &key, span).await?,
        bucket: bucket.clone(),
        key,
        rest: span,
        resumptions: 0,
    };
    Ok(Box::pin(stream::try_unfold(reader, |mut reader| async {
        let bytes = reader.next().await?;
        Ok(bytes.map(|bytes| (bytes, reader)))
    })))
}

async fn open(bucket: &Bucket, key: &str, span: Span) -> StoreResult<Body> {
    let object = bucket.get(key, Some(span)).await?;
    if length(object.content_length()) != span.len() {
        return Err(StoreError::Corrupt(format!(
            "object {key} is shorter than its record says"
        )));
    }
    Ok(object.body)
}

impl Reader {
    async fn next(&mut self) -> StoreResult<Option<Bytes>> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let reason = match self.body.try_next().await {
                Ok(Some(bytes)) => {
                    self.rest.start += bytes.len() as u64;
                    self.resumptions = 0;
                    return Ok(Some(bytes));
                }
                Ok(None) => "the body ends early".to_owned(),
                Err(error) => chain(&error),
            };
            if self.resumptions == RESUMPTIONS {
                return Err(unavailable("GetObject", reason));
            }
            self.resumptions += 1;
            tracing::debug!(key = self.key, reason, "a read is taken up again");
            self.body = open(&self.bucket, &self.key, self.rest).await?;
        }
    }
}

/// Reads a whole object; its digest and its size.
pub(super) async fn hash(
    bucket: &Bucket,
    key: &str,
    algorithm: Algorithm,
) -> StoreResult<(Digest, u64)> {
    let size = bucket.size(key).await?;
    let size = size.ok_or_else(|| StoreError::NotFound(format!("object {key}")))?;
    let whole = Span {
        start: 0,
        end: size,
    };
    let mut bytes = stream(bucket, key.to_owned(), whole).await?;
    let mut hasher = Hasher::new(algorithm);
    while let Some(bytes) = bytes.try_next().await? {
        hasher.update(&bytes);
    }
    Ok((hasher.finish(), size))
}
