//! Tags that clients were told the digests of before the manifests were here.
//!
//! Most clients ask by HEAD what a tag means and then GET the manifest by its
//! digest. The HEAD costs nothing upstream; when the GET brings the manifest,
//! the tag is set to it, so that it can be pulled by tag from then on.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;
use moka::sync::Cache;

const CAPACITY: u64 = 10_000;
const TAGS: usize = 20;

type Tags = Arc<Vec<(TagName, Timestamp)>>;

/// Recent answers of upstreams to a HEAD by tag.
#[derive(Debug)]
pub(super) struct Announced(Cache<(RepositoryName, Digest), Tags>);

impl Default for Announced {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Announced {
    /// Notes that the upstream has `tag` at `digest`.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        tag: &TagName,
        now: Timestamp,
    ) {
        self.0
            .entry((repository.clone(), digest))
            .and_upsert_with(|known| {
                let known = known.map(moka::Entry::into_value).unwrap_or_default();
                let others = known.iter().filter(|(other, _)| other != tag).cloned();
                Arc::new(
                    std::iter::once((tag.clone(), now))
                        .chain(others)
                        .take(TAGS)
                        .collect(),
                )
            });
    }

    /// The tags that were at `digest` not longer than `freshness` ago.
    pub(super) fn take(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
        freshness: Duration,
    ) -> Vec<TagName> {
        let known = self
            .0
            .remove(&(repository.clone(), digest))
            .unwrap_or_default();
        let fresh = known
            .iter()
            .filter(|(_, at)| now.duration_since(*at).unsigned_abs() < freshness);
        fresh.map(|(tag, _)| tag.clone()).collect()
    }
}
