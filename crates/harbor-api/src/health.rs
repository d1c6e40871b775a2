//! The swagger's tag `health`.

use serde::Serialize;

use crate::omit::is_default;

/// The answer of `GET /health`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OverallHealthStatus {
    /// `healthy` only when every component is.
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    /// Every component, by name.
    pub components: Vec<ComponentHealthStatus>,
}

/// How one component is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ComponentHealthStatus {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// `healthy` or `unhealthy`.
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    /// What is wrong, when unhealthy.
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
}
