//! The swagger's tags `project` and `projectMetadata`, with quota and CVE allowlist as a project
//! shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::omit::{is_default, null_as_default, null_if_empty};
use crate::{Registry, Timestamp};

/// A project.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Project {
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    /// The user who created it.
    #[serde(skip_serializing_if = "is_default")]
    pub owner_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The upstream of a proxy project; zero, and left out, for any other.
    #[serde(skip_serializing_if = "is_default")]
    pub registry_id: i64,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub owner_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub togglable: bool,
    /// The caller's role with the most permissions; zero, and left out, for none.
    #[serde(skip_serializing_if = "is_default")]
    pub current_user_role_id: i64,
    #[serde(serialize_with = "null_if_empty")]
    pub current_user_role_ids: Vec<i64>,
    pub repo_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ProjectMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cve_allowlist: Option<CVEAllowlist>,
}

/// The body of `POST /projects` and `PUT /projects/{project_name_or_id}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ProjectReq {
    /// At most 255 characters; an update ignores it.
    #[serde(deserialize_with = "null_as_default")]
    pub project_name: String,
    /// Old clients' way to say `metadata.public`.
    pub public: Option<bool>,
    pub metadata: Option<ProjectMetadata>,
    pub cve_allowlist: Option<CVEAllowlistReq>,
    /// Bytes; -1 for no limit.
    pub storage_limit: Option<i64>,
    /// Makes a proxy project of that upstream.
    pub registry_id: Option<i64>,
}

impl ProjectReq {
    /// The visibility asked for: `metadata.public`, else `public`, else none.
    ///
    /// A new project without one is private; an update without one changes nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidVisibility`] (Harbor: 400 `BAD_REQUEST`) for anything but `true` and `false`.
    pub fn visibility(&self) -> Result<Option<bool>, InvalidVisibility> {
        let metadata = self.metadata.as_ref();
        match metadata.and_then(|metadata| metadata.public.as_deref()) {
            None | Some("") => Ok(self.public),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(InvalidVisibility),
        }
    }
}

/// A `metadata.public` that is no boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("metadata.public is neither \"true\" nor \"false\"")]
pub struct InvalidVisibility;

/// A project's settings, all of them strings: booleans are `"true"` and `"false"`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_content_trust: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_content_trust_cosign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevent_vul: Option<String>,
    /// `none`, `low`, `medium`, `high` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_scan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_sbom_generation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_sys_cve_allowlist: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_id: Option<String>,
    /// Kilobits a second; -1 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_speed_kb: Option<String>,
    /// Connections for one artifact; -1 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_upstream_conn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_cache_local_on_not_found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_referrer_api: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_cache_filter_pattern: Option<String>,
    /// `doublestar` or `regex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_cache_filter_kind: Option<String>,
}

/// The answer of `GET /projects/{project_name_or_id}/_deletable`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProjectDeletable {
    #[serde(skip_serializing_if = "is_default")]
    pub deletable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
}

/// The answer of `GET /projects/{project_name_or_id}/summary`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProjectSummary {
    pub repo_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub project_admin_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub maintainer_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub developer_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub guest_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub limited_guest_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<ProjectSummaryQuota>,
    /// The upstream of a proxy project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registry>,
}

/// A project's quota, by resource; Harbor has one, `storage`, in bytes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProjectSummaryQuota {
    /// -1 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub hard: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "is_default")]
    pub used: BTreeMap<String, i64>,
}

/// The vulnerabilities that a project lets pass.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CVEAllowlist {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    /// Seconds since the epoch; none for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    pub items: Vec<CVEAllowlistItem>,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
}

/// A [`CVEAllowlist`] in a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CVEAllowlistReq {
    /// Zero, or the project that the request is about.
    #[serde(deserialize_with = "null_as_default")]
    pub project_id: i64,
    /// Seconds since the epoch; none for ever.
    pub expires_at: Option<i64>,
    #[serde(deserialize_with = "null_as_default")]
    pub items: Vec<CVEAllowlistItem>,
}

/// One vulnerability.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CVEAllowlistItem {
    /// Such as `CVE-2019-10164`.
    #[serde(
        skip_serializing_if = "is_default",
        deserialize_with = "null_as_default"
    )]
    pub cve_id: String,
}
