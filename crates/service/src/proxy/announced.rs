//! Tags that clients were told the digests of before the manifests were here.
//!
//! Most clients ask by HEAD what a tag means and then GET the manifest by its
//! digest. The HEAD costs nothing upstream; when the GET brings the manifest,
//! the tag is set to it, so that it can be pulled by tag from then on.

use std::time::Duration;

use berth_oci::{Digest, RepositoryName, TagName};
use jiff::Timestamp;

use crate::recent::Recent;

/// How many tags are set to one manifest: with the one that is asked for, as
/// many as the store sets at once.
const TAGS: usize = 19;

/// How long they are remembered, whatever the time for which a tag is fresh.
const MEMORY: Duration = Duration::from_mins(1);

/// The last answers of upstreams to a HEAD by tag.
#[derive(Debug, Default)]
pub(super) struct Announced(Recent<(RepositoryName, TagName), Digest>);

impl Announced {
    /// Notes that the upstream has `tag` at `digest`.
    pub(super) fn note(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        tag: &TagName,
        now: Timestamp,
    ) {
        let key = (repository.clone(), tag.clone());
        self.0.put(key, now, digest, now - MEMORY);
    }

    /// Forgets what was announced of a tag: something later is known.
    pub(super) fn forget(&self, repository: &RepositoryName, tag: &TagName) {
        self.0.remove(&(repository.clone(), tag.clone()));
    }

    /// The tags that were announced at `digest` a moment ago. They are
    /// forgotten.
    pub(super) fn take(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        now: Timestamp,
    ) -> Vec<TagName> {
        let announced = self.0.take_where(TAGS, |(of, _), (at, known)| {
            of == repository && *known == digest && *at >= now - MEMORY
        });
        announced.into_iter().map(|(_, tag)| tag).collect()
    }
}
