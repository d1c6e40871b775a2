//! Leases: which of all instances does what is to be done once.

use std::fmt;

use berth_oci::{Digest, Reference, RepositoryName};
use jiff::{SignedDuration, Timestamp};

use crate::{LeaseId, UploadId};

/// How long a lease that has expired is kept for whoever goes on with its
/// upload session.
const KEPT: SignedDuration = SignedDuration::from_hours(6);

/// What is to be done once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseName(String);

impl LeaseName {
    /// Fetching a blob for a repository.
    pub fn blob(repository: &RepositoryName, digest: Digest) -> Self {
        Self(format!("blob:{repository}@{digest}"))
    }

    /// Fetching a manifest for a repository.
    pub fn manifest(repository: &RepositoryName, reference: &Reference) -> Self {
        let between = match reference {
            Reference::Digest(_) => '@',
            Reference::Tag(_) => ':',
        };
        Self(format!("manifest:{repository}{between}{reference}"))
    }

    /// The name as text, under 600 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The right to do something for all instances, until it expires. Clocks
/// differ: it keeps work from being done twice, and protects no bytes. What it
/// is about has a fence of its own, such as an upload session's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What for.
    pub name: LeaseName,
    /// Whose: one id for each time that it is taken.
    pub id: LeaseId,
    /// Where other instances reach the holder, if they can.
    pub address: Option<String>,
    /// The upload session that the work is kept in, so that whoever takes over
    /// can go on with it.
    pub upload: Option<UploadId>,
    /// Until when it is held.
    pub expires_at: Timestamp,
}

impl Lease {
    /// What is held after this one was asked for where `held` is: this one,
    /// with the session of the one before it, or else that.
    #[must_use]
    pub fn taken_from(&self, held: Option<&Self>, now: Timestamp, gone: Option<LeaseId>) -> Self {
        match held {
            Some(held) if held.id != self.id && !held.may_be_taken(now, gone) => held.clone(),
            _ => Self {
                upload: held.and_then(|held| held.upload),
                ..self.clone()
            },
        }
    }

    /// Whether another may take it: it has expired, or it is the one whose
    /// holder the other knows to be gone.
    pub fn may_be_taken(&self, now: Timestamp, gone: Option<LeaseId>) -> bool {
        self.expires_at <= now || gone == Some(self.id)
    }

    /// When a store may forget it, hours after it has expired.
    pub fn forgotten_at(&self) -> Timestamp {
        self.expires_at.checked_add(KEPT).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use berth_oci::Digest;

    use super::*;

    #[test]
    fn a_blob_a_manifest_and_a_tag_have_different_names() {
        let repository: RepositoryName = "library/nginx".parse().unwrap();
        let digest = Digest::sha256(b"");
        let tag = "latest".parse().unwrap();
        let names = [
            LeaseName::blob(&repository, digest),
            LeaseName::manifest(&repository, &Reference::Digest(digest)),
            LeaseName::manifest(&repository, &Reference::Tag(tag)),
        ];
        insta::assert_snapshot!(names.map(|name| name.to_string()).join("\n"), @r"
        blob:library/nginx@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        manifest:library/nginx@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        manifest:library/nginx:latest
        ");
    }
}
