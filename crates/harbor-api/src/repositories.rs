//! The swagger's tag `repository`.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::omit::{is_default, null_as_default};

/// A repository.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Repository {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    /// With the project: `library/hello-world`.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    pub artifact_count: i64,
    pub pull_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    pub update_time: Timestamp,
}

/// The body of `PUT /projects/{project_name}/repositories/{repository_name}`, of which only the
/// description can change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RepositoryReq {
    #[serde(deserialize_with = "null_as_default")]
    pub description: String,
}
