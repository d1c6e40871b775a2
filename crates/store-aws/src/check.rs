//! What `berth admin check-store` finds of a store, and how it is remembered.

use berth_ports::{Finding, StoreError, StoreResult, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::S3Blobs;
use crate::error::chain;
use crate::s3::Bucket;
use permission::permission;

mod permission;

/// Where in the bucket it is remembered what was found.
const FOUND: &str = "checks/found.json";

/// The probe without which no other of S3 is made.
pub(crate) const BUCKET: &str = "S3: bucket";

/// What was found of a store, as the bucket keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// When.
    pub at: Timestamp,
    /// By which version of this program.
    pub version: String,
    /// At which address of S3; `None`: the region's.
    pub endpoint: Option<String>,
    /// The address of the front that uploads went by, if there is one.
    pub upload_endpoint: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Found {
    /// What was found last; `None` if nobody looked yet.
    pub async fn read(blobs: &S3Blobs) -> StoreResult<Option<Self>> {
        Self::of(blobs.bucket()).await
    }

    pub(crate) async fn of(bucket: &Bucket) -> StoreResult<Option<Self>> {
        let bytes = match bucket.get_all(FOUND).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = serde_json::from_slice(&bytes);
        let damaged = |error| StoreError::Corrupt(format!("object {FOUND}: {error}"));
        found.map(Some).map_err(damaged)
    }

    /// Keeps it in place of what was found before, unless it was found that
    /// there is no bucket; whether that went well is one more finding.
    pub async fn keep(&self, blobs: &S3Blobs) -> Finding {
        let is_lost = |finding: &Finding| finding.name == BUCKET && finding.verdict != Verdict::Ok;
        let kept = if self.findings.iter().any(is_lost) {
            Err(Doubt::skipped("the bucket cannot be used"))
        } else {
            self.write(blobs.bucket()).await
        };
        finding("S3: findings kept", kept)
    }

    async fn write(&self, bucket: &Bucket) -> Probed {
        let text = serde_json::to_vec_pretty(self).map_err(StoreError::unavailable)?;
        Ok(bucket.put(FOUND, text.into()).await?)
    }

    /// Whether a probe of this name went well.
    pub fn is_ok(&self, name: &str) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.name == name && finding.verdict == Verdict::Ok)
    }
}

/// How a probe ends.
pub(crate) type Probed = Result<(), Doubt>;

/// Why a probe did not go well, or what is to be known of it though it did.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// The store does what it must.
    Remark(String),
    /// The store does otherwise than Berth relies on.
    Fails(String),
    /// It does otherwise than is good.
    Warns(String),
    /// There was nothing to probe.
    Skipped(String),
    /// A call failed that should not.
    Call(StoreError),
}

impl Doubt {
    pub(crate) fn fails(note: impl Into<String>) -> Self {
        Self::Fails(note.into())
    }

    pub(crate) fn remark(note: impl Into<String>) -> Self {
        Self::Remark(note.into())
    }

    pub(crate) fn skipped(note: impl Into<String>) -> Self {
        Self::Skipped(note.into())
    }

    /// The same where nothing depends on it.
    pub(crate) fn mild(self) -> Self {
        match self {
            Self::Fails(note) => Self::Warns(note),
            Self::Call(error) => Self::Warns(failure(&error)),
            other => other,
        }
    }

    pub(crate) fn warns(note: impl Into<String>) -> Self {
        Self::Warns(note.into())
    }

    /// Whether other probes of the same service are of no use.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Call(error) => permission(error).is_none(),
            _ => true,
        }
    }
}

impl From<StoreError> for Doubt {
    fn from(error: StoreError) -> Self {
        Self::Call(error)
    }
}

/// What a probe of this name found.
pub(crate) fn finding(name: &str, probed: Probed) -> Finding {
    match probed {
        Ok(()) => Finding::ok(name),
        Err(Doubt::Remark(note)) => Finding::noted(name, Verdict::Ok, note),
        Err(Doubt::Fails(note)) => Finding::noted(name, Verdict::Fails, note),
        Err(Doubt::Warns(note)) => Finding::noted(name, Verdict::Warns, note),
        Err(Doubt::Skipped(note)) => Finding::noted(name, Verdict::Skipped, note),
        Err(Doubt::Call(error)) => Finding::noted(name, Verdict::Fails, failure(&error)),
    }
}

/// Why a call failed, and what to do.
fn failure(error: &StoreError) -> String {
    match (permission(error), error) {
        (Some(action), _) => format!("access denied, these credentials need {action}"),
        (None, StoreError::Unavailable(source)) => chain(&**source),
        (None, error) => chain(error),
    }
}
