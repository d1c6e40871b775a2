//! How much there is.

use std::collections::HashSet;
use std::fmt;

use berth_oci::Digest;
use serde::{Deserialize, Serialize};

/// How much an export holds, or an import found or made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Users.
    pub users: u64,
    /// Registry endpoints.
    pub registries: u64,
    /// Projects.
    pub projects: u64,
    /// Members of projects.
    pub members: u64,
    /// Schedules of maintenance.
    pub schedules: u64,
    /// Repositories.
    pub repositories: u64,
    /// Manifests in repositories.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Blobs in repositories.
    pub links: u64,
    /// Different blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl fmt::Display for Counts {
    /// All but the bytes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            users,
            registries,
            projects,
            repositories,
            manifests,
            tags,
            blobs,
            ..
        } = self;
        write!(
            formatter,
            "{users} users, {registries} registries, {projects} projects, {repositories} \
             repositories, {manifests} manifests, {tags} tags, {blobs} blobs"
        )
    }
}

/// Counts blobs once, however many repositories have them. Remembers some
/// hundred bytes for each.
#[derive(Debug, Default)]
pub(crate) struct SeenBlobs(HashSet<Digest>);

impl SeenBlobs {
    /// Counts a blob; `false` if it was counted before.
    pub(crate) fn count(&mut self, counts: &mut Counts, digest: Digest, size: u64) -> bool {
        let new = self.0.insert(digest);
        if new {
            counts.blobs += 1;
            counts.bytes += size;
        }
        new
    }
}
