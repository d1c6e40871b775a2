//! The swagger's tag `label`.

use serde::Serialize;

use crate::Timestamp;
use crate::omit::is_default;

/// A label on an artifact.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Label {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// As in CSS: `#61717D`.
    #[serde(skip_serializing_if = "is_default")]
    pub color: String,
    /// `g` for every project, `p` for one.
    #[serde(skip_serializing_if = "is_default")]
    pub scope: String,
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
}
