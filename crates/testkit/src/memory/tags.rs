//! Tags.

use async_trait::async_trait;
use berth_domain::{Expect, Manifest, Page, Tag, Version};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{StoreResult, TagStore};
use jiff::Timestamp;

use super::{MemoryStore, State, conflict, ensure, not_found, page};

impl State {
    pub(super) fn set_tags(&mut self, manifest: &Manifest, tags: &[TagName], now: Timestamp) {
        for tag in tags {
            let key = (manifest.repository.clone(), tag.clone());
            let old = self.tags.get(&key);
            let kept = old
                .filter(|old| old.digest == manifest.digest)
                .map(|old| old.pushed_at);
            let set = Tag {
                digest: manifest.digest,
                media_type: manifest.media_type.clone(),
                size: manifest.size,
                pushed_at: kept.unwrap_or(now),
                checked_at: now,
                version: old.map_or_else(|| Version::fresh(now), |old| old.version.next()),
            };
            self.tags.insert(key, set);
        }
    }

    /// A repository's tags in order of their bytes.
    fn tags<'a>(
        &'a self,
        repository: &'a RepositoryName,
    ) -> impl Iterator<Item = (&'a TagName, &'a Tag)> {
        self.tags
            .iter()
            .filter(move |((of, _), _)| of == repository)
            .map(|((_, name), tag)| (name, tag))
    }
}

#[async_trait]
impl TagStore for MemoryStore {
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>> {
        Ok(self
            .state()
            .tags
            .get(&(repository.clone(), tag.clone()))
            .cloned())
    }

    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        ensure(state.is_live(manifest), || conflict(&manifest.digest))?;
        state.set_tags(manifest, tags, now);
        Ok(())
    }

    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state.tags.get_mut(&(repository.clone(), tag.clone()));
        if let Some(stored) = stored.filter(|stored| stored.version == version) {
            stored.checked_at = now;
            stored.version = version.next();
        }
        Ok(())
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()> {
        let mut state = self.state();
        let key = (repository.clone(), tag.clone());
        let stored = state.tags.get(&key).ok_or_else(|| not_found(&tag))?;
        ensure(expect.holds(Some(stored.version)), || conflict(&tag))?;
        state.tags.remove(&key);
        Ok(())
    }

    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>> {
        let state = self.state();
        let behind = state
            .tags(repository)
            .filter(|(name, _)| Some(name.as_str()) > after);
        Ok(page(behind.map(|(name, _)| name.clone()), limit))
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>> {
        let state = self.state();
        let behind = state
            .tags(repository)
            .filter(|(name, tag)| Some(*name) > after && tag.digest == digest)
            .map(|(name, tag)| (name.clone(), tag.clone()));
        Ok(page(behind, limit))
    }
}
