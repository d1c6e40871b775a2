//! Tags. How they are set has its own file.

use async_trait::async_trait;
use berth_domain::{Expect, Manifest, ManifestState, Page, Tag, Version};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{StoreError, StoreResult, TagStore};
use jiff::Timestamp;

use super::backoff::Backoff;
use super::key::{SORT, TAG_OF};
use super::tag_moves::{CHECKED_AT, VERSION, decode, is_at};
use super::{DynamoStore, Item, Query, Update, Write, key, manifest_record};

/// The longest tag, in bytes.
const MAX_TAG: usize = 128;

#[async_trait]
impl TagStore for DynamoStore {
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>> {
        let item = self.table.get(&key::tag(repository, tag)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()> {
        let Manifest {
            repository,
            digest,
            nonce,
            ..
        } = manifest;
        // For a check's price the manifest is touched: a collector that has
        // looked at its tags before does not delete it.
        let touch =
            Update::of(key::manifest(repository, *digest)).set(manifest_record::TOUCHED_AT, now);
        let is_live = manifest_record::is(ManifestState::Live, *nonce);
        let touch = Write::update(touch).when(is_live);
        self.transact_with_tags(vec![touch], manifest, tags, now)
            .await?
            .map_err(|_| manifest_record::changed(repository, *digest))
    }

    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()> {
        let confirm = Update::of(key::tag(repository, tag))
            .set(CHECKED_AT, now)
            .add(VERSION, 1);
        // Of one that moved, or is gone, nothing is to be noted.
        self.table
            .write(Write::update(confirm).when(is_at(version)))
            .await
            .map(drop)
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()> {
        let label = || format!("tag {repository}:{tag}");
        let mut backoff = Backoff::start();
        loop {
            let found = self.tag(repository, tag).await?;
            let found = found.ok_or_else(|| StoreError::NotFound(label()))?;
            if !expect.holds(Some(found.version)) {
                return Err(StoreError::Conflict(label()));
            }
            let writes = vec![
                Write::delete(key::tag(repository, tag)).when(is_at(found.version)),
                Write::delete(key::tag_of(repository, found.digest, tag)),
            ];
            if self.table.transact(writes).await?.is_ok() {
                return Ok(());
            }
            let busy = StoreError::unavailable("the tag is set by too many at once");
            backoff.wait(self.table.fresh(), busy).await?;
        }
    }

    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>> {
        let mut query = Query::of(key::tags(repository)).only(&[key::PARTITION, SORT]);
        if let Some(after) = after {
            // A client's text; no tag stands between it and a longer one.
            let end = after.floor_char_boundary(MAX_TAG + 1);
            query = query.after(&after[..end]);
        }
        let Page { items, more } = self.table.query(&query, limit).await?;
        let names: StoreResult<_> = items.iter().map(|item| item.parsed(SORT)).collect();
        Ok(Page {
            items: names?,
            more,
        })
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>> {
        let partition = key::manifest_partition(repository, digest);
        let mut query = Query::of(partition).beginning(TAG_OF);
        if let Some(after) = after {
            query = query.after(&format!("{TAG_OF}{after}"));
        }
        let mut tags = Vec::new();
        loop {
            let rest = limit.saturating_add(1) - tags.len();
            let page = self.table.query(&query, rest).await?;
            let tagged = self.tags_still_of(repository, digest, &page.items).await?;
            tags.extend(tagged);
            match page.items.last() {
                Some(last) if page.more && tags.len() <= limit => {
                    query = query.after(last.sort()?);
                }
                _ => return Ok(Page::from_overread(tags, limit)),
            }
        }
    }
}

impl DynamoStore {
    /// The tags of these places in a manifest's list, without those that have
    /// moved.
    async fn tags_still_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        places: &[Item],
    ) -> StoreResult<Vec<(TagName, Tag)>> {
        let mut keys = Vec::with_capacity(places.len());
        for place in places {
            let name = place.sort_behind(TAG_OF)?.parse();
            let name = name.map_err(|error| place.damaged(SORT, error))?;
            keys.push(key::tag(repository, &name));
        }
        let mut tags = Vec::new();
        for item in self.table.get_all(&keys, &[]).await? {
            let tag = decode(&item)?;
            if tag.digest == digest {
                tags.push((item.parsed(SORT)?, tag));
            }
        }
        Ok(tags)
    }
}
