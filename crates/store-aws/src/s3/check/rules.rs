//! The rules by which S3 throws away what crashes leave.

use aws_sdk_s3::types::{ExpirationStatus, LifecycleRule, LifecycleRuleFilter};

use crate::check::{Doubt, Probed};
use crate::error::{code, failed};
use crate::s3::Bucket;

impl Bucket {
    /// The rules are there that a bucket is made with, and none deletes blobs.
    pub(super) async fn has_rules(&self) -> Probed {
        let rules = self.rules().await.map_err(Doubt::mild)?;
        if rules.iter().any(|rule| expires(rule, &self.path("blobs/"))) {
            return Err(Doubt::fails(
                "a rule of the bucket deletes blobs by their age: take it away",
            ));
        }
        let mut missing = Vec::new();
        if !rules.iter().any(|rule| aborts(rule, &self.path("blobs/"))) {
            missing.push("unfinished uploads below blobs/ do not end");
        }
        if !rules.iter().any(|rule| expires(rule, &self.path("jobs/"))) {
            missing.push("large jobs below jobs/ stay");
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Doubt::warns(format!(
            "{}: give the bucket a rule, or look there yourself",
            missing.join(", ")
        )))
    }

    /// What clients put here and give up does not stay.
    pub(super) async fn forgets_staged(&self) -> Probed {
        let folder = self.path("staging/");
        let rules = self.rules().await?;
        if rules.iter().any(|rule| expires(rule, &folder)) {
            return Ok(());
        }
        Err(Doubt::fails(format!(
            "what clients put below {folder} and give up stays: give the bucket a rule that deletes it after 2 days, or set `redirect_uploads = false`"
        )))
    }

    /// The rules that are in force.
    async fn rules(&self) -> Result<Vec<LifecycleRule>, Doubt> {
        let asked = self
            .client
            .get_bucket_lifecycle_configuration()
            .bucket(&*self.name)
            .send()
            .await;
        let rules = match asked {
            Ok(answer) => answer.rules.unwrap_or_default(),
            Err(error) if code(&error) == Some("NoSuchLifecycleConfiguration") => Vec::new(),
            Err(error) => return Err(failed("GetBucketLifecycleConfiguration", &error).into()),
        };
        let is_on = |rule: &LifecycleRule| *rule.status() == ExpirationStatus::Enabled;
        Ok(rules.into_iter().filter(is_on).collect())
    }
}

/// Whether a rule deletes objects of a folder, or of one that it is in.
fn expires(rule: &LifecycleRule, folder: &str) -> bool {
    let expiration = rule.expiration();
    is_for(rule, folder)
        && expiration.is_some_and(|when| when.days().is_some() || when.date().is_some())
}

/// Whether it ends uploads to such objects.
fn aborts(rule: &LifecycleRule, folder: &str) -> bool {
    rule.abort_incomplete_multipart_upload().is_some() && is_for(rule, folder)
}

/// Whether a rule is for all objects of a folder. One that is for objects of
/// some tags or sizes is not.
fn is_for(rule: &LifecycleRule, folder: &str) -> bool {
    let all = LifecycleRuleFilter::builder().build();
    let filter = rule.filter().unwrap_or(&all);
    let is_narrow = filter.tag().is_some()
        || filter.and().is_some()
        || filter.object_size_greater_than().is_some()
        || filter.object_size_less_than().is_some();
    #[expect(deprecated, reason = "older buckets have the prefix here")]
    let prefix = filter.prefix().or(rule.prefix()).unwrap_or_default();
    !is_narrow && folder.starts_with(prefix)
}
