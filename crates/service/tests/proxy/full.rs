//! A full disk: what is held is served.

use std::sync::atomic::{AtomicBool, Ordering};

use berth_domain::{Expect, Manifest, Page, Tag};
use berth_oci::{RepositoryName, TagName};
use berth_ports::{StoreError, TagStore};
use berth_testkit::image::Image;

use super::*;

/// Tags of a store that fills up.
#[derive(Debug)]
struct FullTags {
    tags: Arc<dyn TagStore>,
    full: AtomicBool,
}

impl FullTags {
    fn writable(&self) -> StoreResult<()> {
        if self.full.load(Ordering::SeqCst) {
            Err(StoreError::Full)
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl TagStore for FullTags {
    async fn tag(&self, repository: &RepositoryName, tag: &TagName) -> StoreResult<Option<Tag>> {
        self.tags.tag(repository, tag).await
    }

    async fn put_tags(
        &self,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<()> {
        self.writable()?;
        self.tags.put_tags(manifest, tags, now).await
    }

    async fn confirm_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        version: Version,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.writable()?;
        self.tags.confirm_tag(repository, tag, version, now).await
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
        expect: Expect,
    ) -> StoreResult<()> {
        self.tags.delete_tag(repository, tag, expect).await
    }

    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<TagName>> {
        self.tags.list_tags(repository, after, limit).await
    }

    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        after: Option<&TagName>,
        limit: usize,
    ) -> StoreResult<Page<(TagName, Tag)>> {
        self.tags.tags_of(repository, digest, after, limit).await
    }
}

/// A cache whose disk is full once [`FullTags::full`] is set.
async fn cache() -> (Cache, Arc<FullTags>) {
    let clock = TestClock::starting_now();
    let mut ports = ports(clock.clone());
    let tags = Arc::new(FullTags {
        tags: ports.tags,
        full: AtomicBool::new(false),
    });
    ports.tags = tags.clone();
    let cache = Cache::over(HubSettings::docker_hub(), ports, clock).await;
    (cache, tags)
}

#[tokio::test]
async fn a_confirmed_tag_is_served_though_its_time_cannot_be_kept() {
    let (cache, tags) = cache().await;
    let image = Image::random(10);
    cache.hub.push_image("a/b", "latest", &image);
    cache.get("hub/a/b", "latest").await.unwrap();
    cache.clock.advance(Duration::from_mins(1));
    tags.full.store(true, Ordering::SeqCst);
    for served in [
        cache.get("hub/a/b", "latest").await.unwrap(),
        cache.head("hub/a/b", "latest").await.unwrap(),
    ] {
        assert_eq!((served.digest, served.stale), (image.digest(), false));
    }
}

#[tokio::test]
async fn a_held_manifest_is_served_by_a_tag_that_cannot_be_set() {
    let (cache, tags) = cache().await;
    let image = Image::random(10);
    cache.hub.push_image("a/b", "latest", &image);
    let digest = image.digest().to_string();
    cache.get("hub/a/b", &digest).await.unwrap();
    tags.full.store(true, Ordering::SeqCst);
    let head = cache.head("hub/a/b", "latest").await.unwrap();
    assert_eq!(head.digest, image.digest());
    let served = cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!(served.bytes, Some(image.manifest.bytes));
}

#[tokio::test]
async fn a_tag_that_moved_to_a_held_manifest_is_served_though_it_cannot_be_set() {
    let (cache, tags) = cache().await;
    let (old, new) = (Image::random(10), Image::random(10));
    cache.hub.push_image("a/b", "latest", &old);
    cache.get("hub/a/b", "latest").await.unwrap();
    cache.hub.push_image("a/b", "latest", &new);
    let digest = new.digest().to_string();
    cache.get("hub/a/b", &digest).await.unwrap();
    cache.clock.advance(Duration::from_mins(1));
    tags.full.store(true, Ordering::SeqCst);
    let served = cache.get("hub/a/b", "latest").await.unwrap();
    assert_eq!((served.digest, served.stale), (new.digest(), false));
}
