//! Reading objects and hashing them, or having the store do it.

use std::error::Error as _;

use berth_domain::ObjectKey;
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{Span, StoreError};
use futures_util::StreamExt;

use crate::service::Service;

impl Service {
    /// What is wrong with an object that is to have `size` bytes that hash to
    /// `digest`, if something is.
    pub(super) async fn verify_object(
        &self,
        key: ObjectKey,
        size: u64,
        digest: Digest,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Option<String> {
        match self.digest_of_object(key, size, digest, read).await {
            Ok(actual) if actual == digest => None,
            Ok(actual) => Some(format!("has bytes that hash to {actual} (object {key})")),
            Err(StoreError::NotFound(_)) => Some(format!("has no bytes (object {key})")),
            Err(error) => Some(format!("cannot be read: {}", with_causes(&error))),
        }
    }

    async fn digest_of_object(
        &self,
        key: ObjectKey,
        size: u64,
        digest: Digest,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Digest, StoreError> {
        if digest.algorithm() == Algorithm::Sha256
            && let Some(attested) = self.ports.blobs.attest(key).await?
        {
            if attested.size != size {
                let size = attested.size;
                return Err(StoreError::Corrupt(format!(
                    "object {key} has {size} bytes"
                )));
            }
            read(size);
            return Ok(attested.digest);
        }
        let whole = Span {
            start: 0,
            end: size,
        };
        let mut stream = self.ports.blobs.stream(key, size, whole).await?;
        let mut hasher = Hasher::new(digest.algorithm());
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            hasher.update(&chunk);
            read(chunk.len() as u64);
        }
        Ok(hasher.finish())
    }
}

fn with_causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
