//! What the S3 behind a bucket really does. Another probe is another line of
//! `S3Blobs::probes`, and a function in one of the files below.

use berth_ports::{Finding, Ids, StoreResult};
use futures_util::future::BoxFuture;

use super::{Bucket, S3Blobs};
use crate::check::{BUCKET, Doubt, Found, Probed, finding};
use scratch::Scratch;

mod addresses;
mod copies;
mod objects;
mod parts;
mod rules;
mod scratch;
mod uploads;

/// The probe whether clients can put what they push into the bucket.
const UPLOADS: &str = "S3: redirected uploads";

/// Whether it was found that clients can put what they push into the bucket: by
/// way of this front of the S3 at this address.
pub(super) async fn uploads_proven(
    bucket: &Bucket,
    stores: (Option<&str>, Option<&str>),
) -> StoreResult<bool> {
    let found = Found::of(bucket).await?;
    Ok(found.is_some_and(|found| {
        let probed = (found.endpoint.as_deref(), found.upload_endpoint.as_deref());
        probed == stores && found.is_ok(UPLOADS)
    }))
}

impl S3Blobs {
    /// Probes what S3 does, with objects of its own below `checks/`, which are
    /// deleted in the end.
    pub async fn check(&self, ids: &dyn Ids) -> Vec<Finding> {
        let scratch = Scratch::new(ids.fresh());
        let there = self.bucket.is_there(&scratch).await;
        let is_lost = there.as_ref().is_err_and(Doubt::is_final);
        let mut findings = vec![finding(BUCKET, there)];
        for (name, probe) in self.probes(&scratch) {
            let probed = if is_lost {
                Err(Doubt::skipped("the bucket cannot be used"))
            } else {
                probe.await
            };
            findings.push(finding(name, probed));
        }
        findings
    }

    /// All probes, in the order in which they are made: the last cleans up.
    fn probes<'a>(&'a self, scratch: &'a Scratch) -> Vec<(&'static str, BoxFuture<'a, Probed>)> {
        let (bucket, presigner) = (&self.bucket, self.presigner.as_ref());
        vec![
            ("S3: objects", Box::pin(bucket.keeps_objects(scratch))),
            ("S3: ranges", Box::pin(bucket.gives_ranges(scratch))),
            (
                "S3: conditional writes",
                Box::pin(bucket.refuses_second_write(scratch)),
            ),
            (
                "S3: checksums",
                Box::pin(bucket.refuses_wrong_checksum(scratch)),
            ),
            (
                "S3: uploads in parts",
                Box::pin(bucket.joins_parts(scratch)),
            ),
            (
                "S3: conditional completion",
                Box::pin(bucket.refuses_second_completion(scratch)),
            ),
            (
                "S3: replaced parts",
                Box::pin(bucket.refuses_replaced_part(scratch)),
            ),
            (
                "S3: small parts",
                Box::pin(bucket.judges_small_parts(scratch)),
            ),
            ("S3: ended uploads", Box::pin(bucket.ends_uploads(scratch))),
            (
                "S3: SHA-256 of copies",
                Box::pin(bucket.hashes_copies(scratch)),
            ),
            (
                "S3: signed addresses",
                Box::pin(bucket.checks_signatures(scratch, presigner)),
            ),
            (UPLOADS, Box::pin(self.takes_uploads(scratch))),
            ("S3: rules for leftovers", Box::pin(bucket.has_rules())),
            ("S3: deletes", Box::pin(bucket.clear(scratch))),
        ]
    }
}
