//! Referrers, found by looking at every live manifest.

use berth_domain::Referrer;
use berth_oci::{Digest, RepositoryName};

use super::State;

impl State {
    /// What refers to `subject`, by artifact type and digest.
    pub(super) fn referrers(&self, repository: &RepositoryName, subject: Digest) -> Vec<Referrer> {
        let mut referrers: Vec<_> = self
            .live(repository)
            .filter(|(manifest, _)| manifest.facts.subject == Some(subject))
            .filter_map(|(_, referrer)| referrer.clone())
            .collect();
        referrers.sort_by_key(|referrer| {
            (referrer.artifact_type.clone().unwrap_or_default(), referrer.digest)
        });
        referrers
    }
}
