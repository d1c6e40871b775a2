//! Making the bucket.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::builders::LifecycleRuleBuilder;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use berth_ports::StoreResult;

use super::bucket::Bucket;
use crate::error::{code, failed, unavailable};

/// How long an upload may take, in days; idle ones are ended long before.
const UPLOAD_DAYS: i32 = 14;
/// How long what clients put here themselves waits for somebody to ask for it,
/// in days: longer than its upload session.
const STAGED_DAYS: i32 = 2;
/// How long a large job is kept, in days: twice as long as SQS may keep one, in
/// the queue and then among the dead letters.
const JOB_DAYS: i32 = 30;

impl Bucket {
    /// Makes the bucket if it is not there. One that is there is somebody
    /// else's to set up, though the oldest region would let it be made again.
    pub(super) async fn create(&self) -> StoreResult<()> {
        if self.exists().await? {
            return Ok(());
        }
        let region = self.client.config().region().map(ToString::to_string);
        // The oldest region is no place to name.
        let place = region
            .filter(|region| region != "us-east-1")
            .map(|region| BucketLocationConstraint::from(region.as_str()));
        let configuration = place.map(|place| {
            CreateBucketConfiguration::builder()
                .location_constraint(place)
                .build()
        });
        let created = self
            .client
            .create_bucket()
            .bucket(&*self.name)
            .set_create_bucket_configuration(configuration)
            .send()
            .await;
        match created {
            Ok(_) => self.expire_rests().await,
            Err(error) if code(&error) == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(failed("CreateBucket", &error)),
        }
    }

    /// Has S3 itself throw away what nobody will ask for again: parts of
    /// uploads whose instance died before it told anybody of them, what clients
    /// staged after its session had ended, and large jobs that were done, or were dead letters for as long as SQS keeps them.
    async fn expire_rests(&self) -> StoreResult<()> {
        let invalid = |error: BuildError| unavailable("PutBucketLifecycle", error.to_string());
        let uploads = LifecycleRule::builder().abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder()
                .days_after_initiation(UPLOAD_DAYS)
                .build(),
        );
        let jobs = LifecycleRule::builder()
            .expiration(LifecycleExpiration::builder().days(JOB_DAYS).build());
        let staged = LifecycleRule::builder()
            .expiration(LifecycleExpiration::builder().days(STAGED_DAYS).build());
        let staged = self.below("staging/", staged).build().map_err(invalid)?;
        let uploads = self.below("blobs/", uploads).build().map_err(invalid)?;
        let jobs = self.below("jobs/", jobs).build().map_err(invalid)?;
        if let Err(error) = self.put_rules(&[&uploads, &staged, &jobs]).await {
            // Not all that speak like S3 can end uploads by a rule.
            tracing::warn!(?error, "unfinished uploads do not expire in this bucket");
            self.put_rules(&[&staged, &jobs]).await?;
        }
        Ok(())
    }

    /// A rule for what is in a folder of the store, by whose name it goes.
    fn below(&self, folder: &str, rule: LifecycleRuleBuilder) -> LifecycleRuleBuilder {
        let folder = self.path(folder);
        let filter = LifecycleRuleFilter::builder().prefix(&folder).build();
        rule.id(format!("berth {folder}"))
            .status(ExpirationStatus::Enabled)
            .filter(filter)
    }

    async fn put_rules(&self, rules: &[&LifecycleRule]) -> StoreResult<()> {
        let rules = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules.iter().copied().cloned().collect()))
            .build()
            .map_err(|error| unavailable("PutBucketLifecycle", error.to_string()))?;
        self.client
            .put_bucket_lifecycle_configuration()
            .bucket(&*self.name)
            .lifecycle_configuration(rules)
            .send()
            .await
            .map_err(|error| failed("PutBucketLifecycleConfiguration", &error))?;
        Ok(())
    }
}
