//! The swagger's tag `systeminfo`.

use serde::Serialize;

use crate::Timestamp;
use crate::omit::is_default;

/// The answer of `GET /systeminfo`.
///
/// Anyone is told `auth_mode`, `primary_auth_mode`, `self_registration`, `banner_message` and
/// `oidc_provider_name`; the rest is for who is logged in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GeneralInfo {
    /// A JSON object as a string: closable, message, type, fromDate, toDate. Empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_time: Option<Timestamp>,
    /// The host (and port) that images are named with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_url: Option<String>,
    /// Where Harbor is reached, with the scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    /// Such as `db_auth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_auth_mode: Option<bool>,
    /// `everyone` or `adminonly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_creation_restriction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_registration: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_ca_root: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub harbor_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_storage_provider_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_enable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_provider_name: Option<String>,
}

/// The answer of `GET /systeminfo/volumes`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SystemInfo {
    pub storage: Vec<Storage>,
}

/// One volume, in bytes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Storage {
    #[serde(skip_serializing_if = "is_default")]
    pub total: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub free: u64,
}
