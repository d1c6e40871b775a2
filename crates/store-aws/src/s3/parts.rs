//! The parts of one object on their way to S3.
//!
//! Whoever begins an upload has all its numbers. Whoever goes on with one may
//! not be alone: another instance may be stuck in the middle of the same
//! request, and what it still sends must not take the place of a part that
//! somebody was told of. So numbers are claimed then, a few at a time, by an
//! object beside the blob's that can be made only once, `blobs/<key>.n<number>`.

use std::ops::RangeInclusive;

use berth_oci::Digest;
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::progress::{Part, Upload};
use crate::error::unavailable;

/// S3 takes no smaller part but the last.
pub(super) const LEAST: usize = 5 * 1024 * 1024;
/// What a part usually has.
const USUAL: usize = 8 * 1024 * 1024;
/// After so many parts they are twice as large: half a TiB then fits the record
/// of an upload that is paused,
const OF_ONE_SIZE: usize = 512;
/// until they have 1 GiB (S3 takes 5): 10,000 parts are 6 TiB.
const MOST_DOUBLINGS: usize = 7;
/// The highest number of a part.
const LAST_NUMBER: u16 = 10_000;
/// From here on numbers are scarce, and parts grow by them, too.
const SCARCE: u16 = 5_000;
/// How many numbers are claimed at once.
const CLAIM: u16 = 4;
/// How many parts of one object are on their way at once.
const AT_ONCE: usize = 8;

/// How many bytes the part with this number should have, behind so many others.
fn size(parts: usize, number: u16) -> usize {
    let scarce = usize::from(number.saturating_sub(SCARCE));
    let doublings = parts.max(scarce) / OF_ONE_SIZE;
    USUAL << doublings.min(MOST_DOUBLINGS)
}

/// One object's parts.
#[derive(Debug)]
pub(super) struct Parts {
    bucket: Bucket,
    key: String,
    upload: Option<Upload>,
    /// The numbers that are ours to use.
    numbers: RangeInclusive<u16>,
    sending: JoinSet<(usize, StoreResult<Part>)>,
}

impl Parts {
    /// Goes on with an upload, or begins one when there is a part.
    pub(super) fn of(bucket: Bucket, key: String, upload: Option<Upload>) -> Self {
        let last = upload.as_ref().map(last_number);
        Self {
            bucket,
            key,
            // None yet, behind the last one.
            numbers: last.map_or(1..=LAST_NUMBER, |last| last + 1..=last),
            upload,
            sending: JoinSet::new(),
        }
    }

    /// Whether there is neither a part nor one on its way.
    pub(super) const fn is_none(&self) -> bool {
        self.upload.is_none()
    }

    /// How many bytes the next part should have, and how many of them may not
    /// be left out.
    pub(super) fn next_size(&self) -> (usize, usize) {
        let arrived = self.upload.as_ref().map_or(0, |upload| upload.parts.len());
        let size = size(arrived + self.sending.len(), *self.numbers.start());
        (size, if size == USUAL { LEAST } else { size })
    }

    /// Sends a part behind the others. Returns before it is there; how many
    /// bytes of earlier ones have arrived meanwhile.
    pub(super) async fn send(&mut self, bytes: Bytes) -> StoreResult<usize> {
        let mut arrived = 0;
        while self.sending.len() >= AT_ONCE {
            arrived += self.arrival().await?;
        }
        let number = self.number().await?;
        if self.upload.is_none() {
            self.upload = Some(self.bucket.create_upload(&self.key).await?);
        }
        let upload = self.upload.as_ref().map(|upload| upload.id.clone());
        let upload = upload.unwrap_or_default();
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        self.sending.spawn(async move {
            let length = bytes.len();
            let part = bucket.upload_part(&key, &upload, number, bytes).await;
            (length, part)
        });
        Ok(arrived)
    }

    /// A number that nobody else puts a part under.
    async fn number(&mut self) -> StoreResult<u16> {
        while self.numbers.is_empty() {
            self.claim().await?;
        }
        let number = *self.numbers.start();
        self.numbers = number + 1..=*self.numbers.end();
        Ok(number)
    }

    /// Claims the next few numbers, or passes over them if somebody else has.
    async fn claim(&mut self) -> StoreResult<()> {
        let first = (*self.numbers.start() - 1).next_multiple_of(CLAIM) + 1;
        let last = first + CLAIM - 1;
        if last > LAST_NUMBER {
            return Err(unavailable("UploadPart", "the object has too many parts"));
        }
        if let Some(upload) = &mut self.upload {
            upload.claimed = true;
        }
        let claim = format!("{}.n{first}", self.key);
        let nothing = Bytes::new();
        let digest = Digest::sha256(&nothing);
        self.numbers = match self.bucket.put_new(&claim, nothing, digest).await {
            Ok(()) => first..=last,
            Err(StoreError::AlreadyExists(_)) => last + 1..=last,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// Waits for a part that is on its way, if there is one; how many bytes it
    /// has.
    pub(super) async fn arrival(&mut self) -> StoreResult<usize> {
        let Some(sent) = self.sending.join_next().await else {
            return Ok(0);
        };
        let (length, part) = sent.map_err(StoreError::unavailable)?;
        let part = part?;
        if let Some(upload) = &mut self.upload {
            let parts = &mut upload.parts;
            let place = parts.partition_point(|earlier| earlier.number < part.number);
            parts.insert(place, part);
        }
        Ok(length)
    }

    /// Waits for all parts; how many bytes they have.
    pub(super) async fn all_arrived(&mut self) -> StoreResult<usize> {
        let mut arrived = 0;
        while !self.sending.is_empty() {
            arrived += self.arrival().await?;
        }
        Ok(arrived)
    }

    /// The upload with the parts that have arrived.
    pub(super) const fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }
}

fn last_number(upload: &Upload) -> u16 {
    upload.parts.last().map_or(0, |part| part.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_the_largest_object_fits() {
        let sizes = || (1..=LAST_NUMBER).map(|number| size(usize::from(number) - 1, number));
        assert!(sizes().take(512).all(|size| size == USUAL));
        assert!(sizes().skip(512).take(512).all(|size| size == 2 * USUAL));
        assert!(sizes().all(|size| size <= 5 << 30));
        assert!(sizes().sum::<usize>() > 5 << 40);
    }

    #[test]
    fn parts_grow_where_numbers_become_scarce() {
        assert_eq!(size(600 / 2, SCARCE), USUAL);
        assert_eq!(size(600 / 2, SCARCE + 512), 2 * USUAL);
    }
}
