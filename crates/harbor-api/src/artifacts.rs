//! The swagger's tag `artifact`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::omit::{is_default, null_as_default, null_if_empty};
use crate::{Label, Timestamp};

/// An artifact: a manifest, and what is known of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Artifact {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    /// Such as `IMAGE` or `CHART`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// The media type of the config, or of the index.
    #[serde(skip_serializing_if = "is_default")]
    pub media_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub manifest_media_type: String,
    /// The manifest's `artifactType`, else the media type of its config.
    #[serde(skip_serializing_if = "is_default")]
    pub artifact_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub project_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub repository_id: i64,
    /// With the project: `library/hello-world`.
    #[serde(skip_serializing_if = "is_default")]
    pub repository_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub digest: String,
    /// The bytes of the manifest and of all that it names.
    #[serde(skip_serializing_if = "is_default")]
    pub size: i64,
    /// The digest of the icon.
    #[serde(skip_serializing_if = "is_default")]
    pub icon: String,
    pub push_time: Timestamp,
    /// [`Timestamp::NEVER`] until the first pull.
    pub pull_time: Timestamp,
    /// Out of the config: `architecture`, `author`, `config`, `created`, `os`.
    #[serde(skip_serializing_if = "is_default")]
    pub extra_attrs: BTreeMap<String, serde_json::Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// An index's children.
    #[serde(serialize_with = "null_if_empty")]
    pub references: Vec<Reference>,
    #[serde(serialize_with = "null_if_empty")]
    pub tags: Vec<Tag>,
    /// By addition, such as `build_history`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub addition_links: BTreeMap<String, AdditionLink>,
    #[serde(serialize_with = "null_if_empty")]
    pub labels: Vec<Label>,
    #[serde(serialize_with = "null_if_empty")]
    pub accessories: Vec<Accessory>,
    /// The accessories of the indexes that this artifact is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited_accessories: Vec<Accessory>,
}

/// A tag of an artifact.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tag {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub repository_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub artifact_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    pub push_time: Timestamp,
    /// [`Timestamp::NEVER`] until the first pull.
    pub pull_time: Timestamp,
    pub immutable: bool,
}

/// The part of a [`Tag`] that `POST .../artifacts/{reference}/tags` takes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TagReq {
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
}

/// Where an addition of an artifact is fetched.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AdditionLink {
    #[serde(skip_serializing_if = "is_default")]
    pub href: String,
    /// Whether `href` is a whole URL, not a path.
    pub absolute: bool,
}

/// An index's naming of a child.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reference {
    #[serde(skip_serializing_if = "is_default")]
    pub parent_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub child_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub child_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    #[serde(serialize_with = "null_if_empty")]
    pub urls: Vec<String>,
}

/// What a child of an index runs on.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Platform {
    #[serde(skip_serializing_if = "is_default")]
    pub architecture: String,
    #[serde(skip_serializing_if = "is_default")]
    pub os: String,
    /// The quotes are part of the name: so the swagger has it, and so Harbor writes it.
    #[serde(rename = "'os.version'", skip_serializing_if = "is_default")]
    pub os_version: String,
    /// The quotes are part of the name, as in `'os.version'`.
    #[serde(rename = "'os.features'", serialize_with = "null_if_empty")]
    pub os_features: Vec<String>,
    /// Of the CPU, such as `v8`.
    #[serde(skip_serializing_if = "is_default")]
    pub variant: String,
}

/// An artifact that is about another one, as a signature is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Accessory {
    #[serde(skip_serializing_if = "is_default")]
    pub id: i64,
    pub artifact_id: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub subject_artifact_id: i64,
    pub subject_artifact_digest: String,
    pub subject_artifact_repo: String,
    pub size: i64,
    pub digest: String,
    /// Such as `signature.cosign`.
    #[serde(rename = "type")]
    pub kind: String,
    pub icon: String,
    pub creation_time: Timestamp,
}
