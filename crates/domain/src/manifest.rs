//! Manifests as stored, their life, their edges.

use berth_oci::{Digest, RepositoryName};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{ArtifactId, Nonce, ObjectKey, Version};

/// Manifests up to this many bytes are kept in their record, larger ones as
/// objects beside the blobs.
pub const INLINE_MANIFEST_BYTES: usize = 8 * 1024;

/// Where a manifest is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManifestState {
    /// Being pushed: nobody sees it, its edges are being written.
    Pending,
    /// Visible.
    Live,
    /// Being deleted: nobody sees it, its edges still count.
    Deleting,
}

/// A manifest's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestContent {
    /// In the record.
    Inline(Bytes),
    /// In an object.
    Object(ObjectKey),
}

/// What a pull or a list needs to know of a manifest beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFacts {
    /// As the referrers API has it: `artifactType`, else the config's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_media_type: Option<String>,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// An index's children.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Digest>,
    /// The bytes of the manifest and of all that it names directly.
    pub total_size: u64,
}

/// A live manifest in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest<Content = ManifestContent> {
    /// The repository.
    pub repository: RepositoryName,
    /// Its digest.
    pub digest: Digest,
    /// The push that made it visible.
    pub nonce: Nonce,
    /// Its number in Harbor's API.
    pub id: ArtifactId,
    /// What clients get as Content-Type.
    pub media_type: String,
    /// Its own size in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: Content,
    /// What lists and policies need.
    pub facts: ManifestFacts,
    /// When it became visible.
    pub pushed_at: Timestamp,
}

/// A live manifest as lists have it: without its bytes.
pub type ListedManifest = Manifest<()>;

impl<Content> Manifest<Content> {
    /// The manifest with other content, or none.
    pub fn with_content<Other>(self, content: Other) -> Manifest<Other> {
        Manifest {
            repository: self.repository,
            digest: self.digest,
            nonce: self.nonce,
            id: self.id,
            media_type: self.media_type,
            size: self.size,
            content,
            facts: self.facts,
            pushed_at: self.pushed_at,
        }
    }
}

/// What a try to make a manifest visible found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begun<Live = Box<Manifest>> {
    /// Nothing: it is pending now, under the nonce that was given.
    Started,
    /// Another's pending try, whose nonce to join.
    Joined(Nonce),
    /// The manifest itself: only tags are to be set.
    Live(Live),
    /// A deletion under way: try again.
    Deleting,
}

/// What an edge leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeTarget {
    /// A blob's link in the same repository.
    Blob(Digest),
    /// A manifest in the same repository, as a child of an index.
    Manifest(Digest),
}

/// One manifest's mention of a blob or child. It counts exactly while the
/// manifest has this nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who mentions.
    pub manifest: Digest,
    /// Under which nonce.
    pub nonce: Nonce,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The manifest it names.
    pub digest: Digest,
    /// That manifest's media type, so that a HEAD needs one read.
    pub media_type: String,
    /// That manifest's size, likewise.
    pub size: u64,
    /// When it was last set to another digest.
    pub pushed_at: Timestamp,
    /// In a proxy project: when the upstream last confirmed it.
    pub checked_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}

/// A manifest that refers to another, as the referrers API lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its annotations; `None` if they are too large for the list's record
    /// ([`MAX_REFERRER_ANNOTATION_BYTES`]) and are to be read from it.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Annotations of more bytes than this (keys and values) are not repeated in
/// the list of referrers.
pub const MAX_REFERRER_ANNOTATION_BYTES: usize = 64 * 1024;
