//! The parts of one object on their way to S3.
//!
//! Whoever begins an upload has its first numbers. Whoever goes on with one may
//! not be alone: the one who began it, or another instance in the middle of the
//! same request, may be stuck, and what they still send must not take the place
//! of a part that somebody was told of. So all other numbers are claimed, a few
//! at a time, by an object beside the blob's that can be made only once,
//! `blobs/<key>.n<number>`.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use berth_oci::{Digest, Hasher};
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};

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
/// Up to here numbers belong to whoever began the upload.
const FIRST_NUMBERS: u16 = 512;
/// How many of the others are claimed at once.
const CLAIM: u16 = 4;
/// How many parts of one object are on their way at once.
const AT_ONCE: usize = 8;

/// How many bytes the part with this number should have, behind so many others.
fn size(parts: usize, number: u16) -> usize {
    let scarce = usize::from(number.saturating_sub(SCARCE));
    let doublings = parts.max(scarce) / OF_ONE_SIZE;
    USUAL << doublings.min(MOST_DOUBLINGS)
}

/// Where a part goes.
#[derive(Debug)]
pub(super) struct Place {
    upload: String,
    number: u16,
}

/// The end of a part: what the object has up to there.
#[derive(Debug)]
pub(super) struct Boundary {
    /// How many bytes.
    pub(super) offset: u64,
    /// Their hash.
    pub(super) hash: Hasher,
}

/// What became of a part and its bytes.
type Sent = Result<(usize, StoreResult<Part>), JoinError>;

/// One object's parts.
#[derive(Debug)]
pub(super) struct Parts {
    bucket: Bucket,
    key: String,
    upload: Option<Upload>,
    /// The numbers that are ours to use.
    numbers: RangeInclusive<u16>,
    sending: JoinSet<(usize, StoreResult<Part>)>,
    /// Parts that were sent here, from the first one on that has not arrived.
    ahead: VecDeque<(u16, Boundary)>,
    /// The one before that.
    reached: Option<(u16, Boundary)>,
    /// Why one of them will never arrive, if nobody was told yet.
    failure: Option<StoreError>,
}

impl Parts {
    /// Goes on with an upload, or begins one when there is a part.
    pub(super) fn of(bucket: Bucket, key: String, upload: Option<Upload>) -> Self {
        let last = upload.as_ref().map(last_number);
        Self {
            bucket,
            key,
            // None yet, behind those of others.
            numbers: last.map_or(1..=FIRST_NUMBERS, |last| last + 1..=last),
            upload,
            sending: JoinSet::new(),
            ahead: VecDeque::new(),
            reached: None,
            failure: None,
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

    /// Whether as many parts are on their way as may be.
    pub(super) fn are_many(&self) -> bool {
        self.sending.len() >= AT_ONCE
    }

    /// A place for the next part. Dropped, it is a gap.
    pub(super) async fn place(&mut self) -> StoreResult<Place> {
        let number = self.number().await?;
        let upload = if let Some(upload) = &self.upload {
            upload.id.clone()
        } else {
            let upload = self.bucket.create_upload(&self.key).await?;
            self.upload.insert(upload).id.clone()
        };
        Ok(Place { upload, number })
    }

    /// Sends a part behind the others, up to `end`. Returns before it is there.
    pub(super) fn send(&mut self, place: Place, bytes: Bytes, end: Boundary) {
        let Place { upload, number } = place;
        self.ahead.push_back((number, end));
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        self.sending.spawn(async move {
            let length = bytes.len();
            let part = bucket.upload_part(&key, &upload, number, bytes).await;
            (length, part)
        });
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

    /// Waits for a part that is on its way; how many bytes it has, none if all
    /// have arrived.
    pub(super) async fn arrival(&mut self) -> StoreResult<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match self.sending.join_next().await {
            Some(sent) => self.note(sent),
            None if self.ahead.is_empty() => Ok(0),
            None => Err(unavailable("UploadPart", "an earlier part did not arrive")),
        }
    }

    /// Looks which parts have arrived, and waits for none; how many bytes they
    /// have. One that failed is told at the next [`arrival`](Self::arrival).
    pub(super) fn arrived_by_now(&mut self) -> usize {
        let mut arrived = 0;
        while self.failure.is_none()
            && let Some(sent) = self.sending.try_join_next()
        {
            match self.note(sent) {
                Ok(length) => arrived += length,
                Err(error) => self.failure = Some(error),
            }
        }
        arrived
    }

    fn note(&mut self, sent: Sent) -> StoreResult<usize> {
        let (length, part) = sent.map_err(StoreError::unavailable)?;
        let part = part?;
        if let Some(upload) = &mut self.upload {
            let parts = &mut upload.parts;
            let place = parts.partition_point(|earlier| earlier.number < part.number);
            parts.insert(place, part);
            while let Some((next, _)) = self.ahead.front()
                && parts.iter().any(|part| part.number == *next)
            {
                self.reached = self.ahead.pop_front();
            }
        }
        Ok(length)
    }

    /// The end of the last part that was sent here and before which none is
    /// missing, and the upload up to it.
    pub(super) fn reached(&self) -> Option<(&Boundary, Upload)> {
        let (last, end) = self.reached.as_ref()?;
        let all = self.upload.as_ref()?;
        let parts = all.parts.iter().take_while(|part| part.number <= *last);
        let upload = Upload {
            id: all.id.clone(),
            parts: parts.cloned().collect(),
            claimed: all.claimed,
        };
        Some((end, upload))
    }

    /// The upload with the parts that have arrived.
    pub(super) const fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }
}

/// The last number that may be another's without a claim.
fn last_number(upload: &Upload) -> u16 {
    let last = upload.parts.last().map_or(0, |part| part.number);
    last.max(FIRST_NUMBERS)
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
