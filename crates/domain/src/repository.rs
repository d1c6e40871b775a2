//! Repositories.

use berth_oci::RepositoryName;
use jiff::Timestamp;

use crate::{ProjectId, RepositoryId, Version};

/// A repository. It comes into being with its first manifest and stays until
/// it is deleted as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its number.
    pub id: RepositoryId,
    /// Its full name.
    pub name: RepositoryName,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// A note.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised by each write.
    pub version: Version,
}
