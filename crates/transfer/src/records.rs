//! The records of an export, one a line. What a store counts for itself
//! (versions, keys, states) is none of them, so two stores that hold the same
//! write the same.

use std::fmt::{self, Display};
use std::str::FromStr;

use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use accounts::{
    MemberRecord, ProjectRecord, RegistryRecord, ScheduleRecord, UserRecord,
};
pub(crate) use bytes::Base64;

mod accounts;
mod bytes;

/// A kind of record.
pub(crate) trait Record: Serialize + DeserializeOwned + PartialEq {
    /// The name of its file, without the ending.
    const FILE: &'static str;
}

/// A record that lies in a repository.
pub(crate) trait InRepository: Record {
    /// The repository.
    fn repository(&self) -> &RepositoryName;
}

/// A value of a record that is none of its kind.
#[derive(Debug)]
pub(crate) struct Malformed(String);

impl Malformed {
    pub(crate) fn new(what: impl Display) -> Self {
        Self(what.to_string())
    }
}

impl Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A value out of its text.
fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Malformed> {
    text.parse().map_err(Malformed::new)
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepositoryRecord {
    pub(crate) name: RepositoryName,
    pub(crate) id: i64,
    pub(crate) project: i64,
    pub(crate) description: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Record for RepositoryRecord {
    const FILE: &'static str = "repositories";
}

impl From<&berth_domain::Repository> for RepositoryRecord {
    fn from(repository: &berth_domain::Repository) -> Self {
        Self {
            name: repository.name.clone(),
            id: repository.id.0,
            project: repository.project.0,
            description: repository.description.clone(),
            created_at: repository.created_at,
            updated_at: repository.updated_at,
        }
    }
}

impl From<RepositoryRecord> for berth_domain::Repository {
    fn from(record: RepositoryRecord) -> Self {
        Self {
            id: berth_domain::RepositoryId(record.id),
            name: record.name,
            project: berth_domain::ProjectId(record.project),
            description: record.description,
            created_at: record.created_at,
            updated_at: record.updated_at,
            version: berth_domain::Version::default(),
        }
    }
}

/// A blob in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRecord {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Record for LinkRecord {
    const FILE: &'static str = "links";
}

impl InRepository for LinkRecord {
    fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}

/// A manifest in a repository. What it says is read from its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestRecord {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) id: i64,
    pub(crate) media_type: String,
    pub(crate) pushed_at: Timestamp,
    pub(crate) bytes: Base64,
}

impl Record for ManifestRecord {
    const FILE: &'static str = "manifests";
}

impl InRepository for ManifestRecord {
    fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagRecord {
    pub(crate) repository: RepositoryName,
    pub(crate) name: TagName,
    pub(crate) digest: Digest,
    pub(crate) pushed_at: Timestamp,
    pub(crate) checked_at: Timestamp,
}

impl Record for TagRecord {
    const FILE: &'static str = "tags";
}

impl InRepository for TagRecord {
    fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}
