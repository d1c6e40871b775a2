//! Descriptors (image spec, "Content Descriptors").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;

/// What names some content: type, digest and size.
///
/// Unknown fields are dropped when one is read, since manifests are never
/// written from descriptors; a field that is `null` counts as left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The content's media type.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// The type of an artifact, if the content is a manifest of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What an index's manifest runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Where else the content can be fetched.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// The content itself in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What a manifest runs on; fields left out are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor, as Go's `GOARCH` names it.
    #[serde(default)]
    pub architecture: String,
    /// The operating system, as Go's `GOOS` names it.
    #[serde(default)]
    pub os: String,
    /// The version of the operating system.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// What the operating system must offer.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// The variant of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The largest size; what databases and most clients can count to.
const MAX_SIZE: u64 = i64::MAX.cast_unsigned();

impl Descriptor {
    /// A descriptor of the three fields that each one has.
    pub const fn new(media_type: String, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
            data: None,
        }
    }

    /// What is wrong with the values, if anything: a size that nothing has, or
    /// inline data that is not the content (image spec, "Embedded Content").
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.size > MAX_SIZE {
            return Err("size is larger than a signed 64-bit number");
        }
        let Some(data) = &self.data else {
            return Ok(());
        };
        let content = BASE64_STANDARD
            .decode(data)
            .map_err(|_| "data is not base64")?;
        if content.len() as u64 != self.size {
            return Err("data is not as long as size says");
        }
        if Digest::of(self.digest.algorithm(), &content) != self.digest {
            return Err("data does not have the digest");
        }
        Ok(())
    }
}
