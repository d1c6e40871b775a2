//! The swagger's tag `registry`: other registries, as proxy projects and replication name them.

use serde::{Deserialize, Serialize};

use crate::omit::{is_default, null_as_default, null_if_empty};
use crate::secret::serialize_mask;
use crate::{SecretString, Timestamp};

/// A registry, as responses show it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Registry {
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub url: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<RegistryCredential>,
    /// Such as `docker-hub` or `docker-registry`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// Whether any certificate is taken for good.
    #[serde(skip_serializing_if = "is_default")]
    pub insecure: bool,
    /// PEM; none for the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// `healthy` or `unhealthy`.
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    pub creation_time: Timestamp,
    pub update_time: Timestamp,
}

/// Whom Berth is at another registry, as responses show it: never with the secret.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryCredential {
    /// `basic`, `oauth` or `secret`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// The user name of a `basic` credential.
    #[serde(skip_serializing_if = "is_default")]
    pub access_key: String,
    /// Whether a secret is held: `*****` if so, else left out.
    #[serde(
        rename = "access_secret",
        skip_serializing_if = "is_default",
        serialize_with = "serialize_mask"
    )]
    pub has_access_secret: bool,
}

/// The body of `POST /registries`: the part of the swagger's `Registry` that a client may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegistryReq {
    #[serde(deserialize_with = "null_as_default")]
    pub url: String,
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    pub credential: Option<RegistryCredentialReq>,
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    pub kind: String,
    #[serde(deserialize_with = "null_as_default")]
    pub insecure: bool,
    /// PEM.
    pub ca_certificate: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub description: String,
}

/// A [`RegistryCredential`] in a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegistryCredentialReq {
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    pub kind: String,
    #[serde(deserialize_with = "null_as_default")]
    pub access_key: String,
    #[serde(deserialize_with = "null_as_default")]
    pub access_secret: SecretString,
}

/// The body of `PUT /registries/{id}`: what is absent stays as it is.
///
/// Harbor drops the stored secret when the URL changes and no new secret comes along, so that it
/// cannot be sent to a place its owner never chose.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegistryUpdate {
    pub name: Option<String>,
    pub description: Option<String>,
    pub url: Option<String>,
    pub credential_type: Option<String>,
    pub access_key: Option<String>,
    pub access_secret: Option<SecretString>,
    pub insecure: Option<bool>,
    /// PEM; empty for the system's.
    pub ca_certificate: Option<String>,
}

/// The body of `POST /registries/ping`: a registry that is kept, by id, or one to try.
///
/// Of a kept one Harbor takes only type and credential from here: its secret goes nowhere else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RegistryPing {
    pub id: Option<i64>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub url: Option<String>,
    pub credential_type: Option<String>,
    pub access_key: Option<String>,
    pub access_secret: Option<SecretString>,
    pub insecure: Option<bool>,
    /// PEM.
    pub ca_certificate: Option<String>,
}

/// The answer of `GET /registries/{id}/info`: what replication can do with a registry.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryInfo {
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(serialize_with = "null_if_empty")]
    pub supported_resource_filters: Vec<FilterStyle>,
    #[serde(serialize_with = "null_if_empty")]
    pub supported_triggers: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub supported_copy_by_chunk: bool,
}

/// How a replication filter is filled in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FilterStyle {
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// `input`, `radio` or `list`.
    #[serde(skip_serializing_if = "is_default")]
    pub style: String,
    #[serde(serialize_with = "null_if_empty")]
    pub values: Vec<String>,
}

/// What a type of registry needs to be filled in, out of `GET /replication/adapterinfos`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryProviderInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_pattern: Option<RegistryProviderEndpointPattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_pattern: Option<RegistryProviderCredentialPattern>,
}

/// Which endpoints a type of registry has.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryProviderEndpointPattern {
    /// `EndpointPatternTypeStandard`, `EndpointPatternTypeFix` or `EndpointPatternTypeList`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_type: String,
    #[serde(serialize_with = "null_if_empty")]
    pub endpoints: Vec<RegistryEndpoint>,
}

/// An endpoint to choose: its label and its URL.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryEndpoint {
    #[serde(skip_serializing_if = "is_default")]
    pub key: String,
    #[serde(skip_serializing_if = "is_default")]
    pub value: String,
}

/// How the credential of a type of registry is filled in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RegistryProviderCredentialPattern {
    /// `AccessKeyTypeStandard` or `AccessKeyTypeFix`.
    #[serde(skip_serializing_if = "is_default")]
    pub access_key_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub access_key_data: String,
    /// `AccessSecretTypeStandard` or `AccessSecretTypeFile`.
    #[serde(skip_serializing_if = "is_default")]
    pub access_secret_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub access_secret_data: String,
}
