//! Blobs and the links that make them visible in a repository.

use berth_oci::{Digest, RepositoryName};
use jiff::Timestamp;

use crate::{BlobVersion, LinkId, LinkToken, ObjectKey, ProjectId};

/// Bytes that are stored once, whoever links to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What the bytes hash to.
    pub digest: Digest,
    /// Where they are.
    pub key: ObjectKey,
    /// How many there are.
    pub size: u64,
    /// Raised by each new link, so that a sweep notices it.
    pub generation: u64,
}

impl Blob {
    /// What tells whether it was linked since it was read.
    pub const fn version(&self) -> BlobVersion {
        BlobVersion {
            key: self.key,
            generation: self.generation,
        }
    }
}

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// The blob is visible in the repository.
    Live,
    /// A sweep looks whether anything needs it; who finds it so revives it.
    /// The token names this condemnation.
    Condemned(LinkToken),
}

/// A blob's visibility in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The repository.
    pub repository: RepositoryName,
    /// The project that the repository belonged to when the link was made. A
    /// link of a project that was deleted counts for nothing in a later one of
    /// the same name.
    pub project: ProjectId,
    /// The blob.
    pub digest: Digest,
    /// This life of the link.
    pub id: LinkId,
    /// Its state.
    pub state: LinkState,
    /// The blob's key, copied so that a pull needs one read.
    pub key: ObjectKey,
    /// The blob's size, copied likewise.
    pub size: u64,
    /// When a pusher was last promised it.
    pub touched_at: Timestamp,
}
