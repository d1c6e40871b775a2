//! Tags that clients were told the digests of before the manifests were here.
//!
//! Most clients ask by HEAD what a tag means and then GET the manifest by its
//! digest. The HEAD costs nothing upstream; when the GET brings the manifest,
//! the tag is set to it, so that it can be pulled by tag from then on.

use std::time::Duration;

use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;

use crate::recent::Recent;

/// How many tags of one manifest are remembered: with the one that is asked
/// for, as many as the store sets at once.
const TAGS: usize = 19;

/// How long they are, whatever the time for which a tag is fresh.
const MEMORY: Duration = Duration::from_mins(1);

/// Recent answers of upstreams to a HEAD by tag.
#[derive(Debug, Default)]
pub(super) struct Announced(Recent<(RepositoryName, Digest), Vec<TagName>>);

impl Announced {
    /// Notes that the upstream has `tag` at `digest`.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        tag: &TagName,
        now: Timestamp,
    ) {
        let key = (repository.clone(), digest);
        let mut tags = self.recall(repository, digest, now);
        if !tags.contains(tag) && tags.len() < TAGS {
            tags.push(tag.clone());
        }
        self.0.put(key, now, tags, now - MEMORY);
    }

    /// The tags that were announced at `digest` a moment ago.
    pub(super) fn recall(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> Vec<TagName> {
        let known = self.0.get(&(repository.clone(), digest), now - MEMORY);
        known.map(|(_, tags)| tags).unwrap_or_default()
    }
}
