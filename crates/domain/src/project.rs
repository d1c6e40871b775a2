//! Projects and their metadata.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use berth_oci::RepositoryName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ProjectId, RegistryId, UserId, Version};

/// A project's name: the first component of its repositories' names.
///
/// `[a-z0-9]+([._-][a-z0-9]+)*`, at most 255 characters, as Harbor has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(Arc<str>);

/// Why a text is no project name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a project name is lower-case letters and digits with single '.', '_' or '-' between them, at most 255 characters"
)]
pub struct ProjectNameError;

impl ProjectName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The project that `repository` belongs to; `None` for a name of one
    /// component or one whose first component is no project name.
    pub fn of(repository: &RepositoryName) -> Option<Self> {
        match repository.split_project() {
            (project, Some(_)) => project.parse().ok(),
            _ => None,
        }
    }
}

impl FromStr for ProjectName {
    type Err = ProjectNameError;

    fn from_str(text: &str) -> Result<Self, ProjectNameError> {
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if text.len() <= 255 && text.split(['.', '_', '-']).all(part) {
            Ok(Self(text.into()))
        } else {
            Err(ProjectNameError)
        }
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ProjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

/// A key of a project's metadata, as Harbor's API knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataKey {
    /// Whether everyone may pull.
    Public,
    /// Notation signatures wanted.
    EnableContentTrust,
    /// Cosign signatures wanted.
    EnableContentTrustCosign,
    /// Vulnerable images are held back.
    PreventVul,
    /// From which severity on.
    Severity,
    /// Scan on push.
    AutoScan,
    /// Make an SBOM on push.
    AutoSbomGeneration,
    /// Use the system's CVE allowlist.
    ReuseSysCveAllowlist,
    /// The retention policy's number.
    RetentionId,
    /// Speed limit of a proxy project.
    ProxySpeedKb,
    /// Connection limit of a proxy project.
    MaxUpstreamConn,
}

impl MetadataKey {
    /// Every key.
    pub const ALL: [Self; 11] = [
        Self::Public,
        Self::EnableContentTrust,
        Self::EnableContentTrustCosign,
        Self::PreventVul,
        Self::Severity,
        Self::AutoScan,
        Self::AutoSbomGeneration,
        Self::ReuseSysCveAllowlist,
        Self::RetentionId,
        Self::ProxySpeedKb,
        Self::MaxUpstreamConn,
    ];

    /// The key as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::EnableContentTrust => "enable_content_trust",
            Self::EnableContentTrustCosign => "enable_content_trust_cosign",
            Self::PreventVul => "prevent_vul",
            Self::Severity => "severity",
            Self::AutoScan => "auto_scan",
            Self::AutoSbomGeneration => "auto_sbom_generation",
            Self::ReuseSysCveAllowlist => "reuse_sys_cve_allowlist",
            Self::RetentionId => "retention_id",
            Self::ProxySpeedKb => "proxy_speed_kb",
            Self::MaxUpstreamConn => "max_upstream_conn",
        }
    }
}

/// A project's metadata: texts by key, as Harbor keeps them. Values are
/// validated where they enter.
pub type ProjectMetadata = BTreeMap<MetadataKey, String>;

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// Its name, unique.
    pub name: ProjectName,
    /// Who made it.
    pub owner: UserId,
    /// The upstream of a proxy project; fixed at creation.
    pub registry: Option<RegistryId>,
    /// Its metadata.
    pub metadata: ProjectMetadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

impl Project {
    /// Whether everyone, anonymous included, may pull.
    pub fn is_public(&self) -> bool {
        self.metadata
            .get(&MetadataKey::Public)
            .is_some_and(|value| value == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_follow_harbors_rule() {
        for name in ["a", "library", "a-b.c_d", "0"] {
            assert!(name.parse::<ProjectName>().is_ok(), "{name}");
        }
        for name in ["", "A", "a--b", "a__b", "-a", "a-", "a/b", "é"] {
            assert_eq!(name.parse::<ProjectName>(), Err(ProjectNameError), "{name}");
        }
    }

    #[test]
    fn a_repository_of_one_component_has_no_project() {
        let project = |name: &str| ProjectName::of(&name.parse().unwrap());
        assert_eq!(project("library/a/b").unwrap().as_str(), "library");
        assert_eq!(project("alpine"), None);
    }
}
