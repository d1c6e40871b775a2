//! Objects that come at once.

use berth_oci::Digest;
use berth_ports::{Span, StoreError};
use bytes::Bytes;

use super::scratch::Scratch;
use crate::check::{Doubt, Probed};
use crate::error::{call_of, chain, unavailable};
use crate::s3::Bucket;

/// What the probes write.
pub(super) const CONTENT: Bytes = Bytes::from_static(b"written by berth admin check-store");
/// And where that must not change.
pub(super) const OTHER: Bytes = Bytes::from_static(b"written again by berth admin check-store");

/// By which stores say that a body has not the checksum that was sent.
const MISMATCHES: [&str; 5] = [
    "BadDigest",
    "InvalidDigest",
    "InvalidRequest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
];

impl Bucket {
    /// What is written can be read, at once, and what is not there is told.
    pub(super) async fn keeps_objects(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("object");
        self.put_new(&key, CONTENT, Digest::sha256(&CONTENT))
            .await?;
        let size = self.size(&key).await?;
        if size != Some(CONTENT.len() as u64) || self.get_all(&key).await? != CONTENT {
            return Err(Doubt::fails("another content is read than was written"));
        }
        match self.size(&scratch.key("absent")).await? {
            None => Ok(()),
            Some(_) => Err(Doubt::fails("an object is found that was never written")),
        }
    }

    /// Some bytes of an object can be read.
    pub(super) async fn gives_ranges(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("ranges");
        self.put(&key, CONTENT).await?;
        let some = self.get(&key, Some(Span { start: 3, end: 10 })).await?;
        let some = some.body.collect().await;
        let some = some.map_err(|error| unavailable("GetObject", chain(&error)))?;
        if some.into_bytes() == CONTENT.slice(3..10) {
            return Ok(());
        }
        Err(Doubt::fails(
            "other bytes come than were asked for, reads that broke off could not go on",
        ))
    }

    /// A write that says "if there is none" does nothing if there is one.
    pub(super) async fn refuses_second_write(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("conditional");
        self.put(&key, CONTENT).await?;
        let again = self.put_new(&key, OTHER, Digest::sha256(&OTHER)).await;
        match again {
            Err(StoreError::AlreadyExists(_)) => self.still_has_content(&key).await,
            Err(error) => Err(error.into()),
            Ok(()) => Err(Doubt::fails(
                "`If-None-Match: *` is ignored by PutObject, blobs could be written over: use another store",
            )),
        }
    }

    pub(super) async fn still_has_content(&self, key: &str) -> Probed {
        if self.get_all(key).await? == CONTENT {
            return Ok(());
        }
        Err(Doubt::fails(
            "a write was refused and yet changed the object: use another store",
        ))
    }

    /// A body that has not the SHA-256 that is sent with it is not stored.
    pub(super) async fn refuses_wrong_checksum(&self, scratch: &Scratch) -> Probed {
        let key = scratch.key("checksum");
        match self.put_new(&key, CONTENT, Digest::sha256(&OTHER)).await {
            Err(error) if is_mismatch(&error) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Err(Doubt::fails(
                "`x-amz-checksum-sha256` is ignored, bytes damaged on their way would be kept: use another store",
            )),
        }
    }
}

fn is_mismatch(error: &StoreError) -> bool {
    let code = call_of(error).and_then(|(_, code)| code);
    code.is_some_and(|code| MISMATCHES.contains(&code))
}
