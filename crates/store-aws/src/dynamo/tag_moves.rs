//! Setting tags: the writes that move each of them from whatever manifest it
//! names to another, as part of a transaction. The tag's version holds the
//! transaction to what was read; if it moved meanwhile, all is read again.

use std::collections::{BTreeSet, HashMap};

use berth_domain::{Manifest, Tag, Version};
use berth_oci::{RepositoryName, TagName};
use berth_ports::{StoreError, StoreResult};
use jiff::Timestamp;

use super::backoff::Backoff;
use super::{Condition, DynamoStore, Item, Refusals, Write, key};

const DIGEST: &str = "digest";
const MEDIA_TYPE: &str = "media_type";
const SIZE: &str = "size";
const PUSHED_AT: &str = "pushed_at";
/// The attribute that tells when the upstream last confirmed the tag.
pub(super) const CHECKED_AT: &str = "checked_at";
/// The attribute that counts the tag's writes.
pub(super) const VERSION: &str = "version";

/// The tag is still at this version.
pub(super) fn is_at(version: Version) -> Condition {
    Condition::equal(VERSION, version.0)
}

pub(super) fn decode(item: &Item) -> StoreResult<Tag> {
    Ok(Tag {
        digest: item.parsed(DIGEST)?,
        media_type: item.text(MEDIA_TYPE)?.to_owned(),
        size: item.number(SIZE)?,
        pushed_at: item.time(PUSHED_AT)?,
        checked_at: item.time(CHECKED_AT)?,
        version: Version(item.number(VERSION)?),
    })
}

fn encode(repository: &RepositoryName, name: &TagName, tag: &Tag) -> Item {
    Item::new(&key::tag(repository, name))
        .set(DIGEST, tag.digest.to_string())
        .set(MEDIA_TYPE, &tag.media_type)
        .set(SIZE, tag.size)
        .set(PUSHED_AT, tag.pushed_at)
        .set(CHECKED_AT, tag.checked_at)
        .set(VERSION, tag.version.0)
}

/// The writes that set one tag: the tag, and if its manifest changes, its
/// places in the manifests' lists.
fn moves(manifest: &Manifest, name: &TagName, old: Option<&Tag>, now: Timestamp) -> Vec<Write> {
    let Manifest {
        repository, digest, ..
    } = manifest;
    let same = old.filter(|old| old.digest == *digest);
    let new = Tag {
        digest: *digest,
        media_type: manifest.media_type.clone(),
        size: manifest.size,
        pushed_at: same.map_or(now, |same| same.pushed_at),
        checked_at: now,
        version: old.map_or_else(|| Version::fresh(now), |old| old.version.next()),
    };
    let expected = old.map_or(Condition::absent(), |old| is_at(old.version));
    let mut writes = vec![Write::put(encode(repository, name, &new)).when(expected)];
    if same.is_none() {
        let place = key::tag_of(repository, *digest, name);
        writes.push(Write::put(Item::new(&place)));
    }
    if let Some(old) = old.filter(|_| same.is_none()) {
        writes.push(Write::delete(key::tag_of(repository, old.digest, name)));
    }
    writes
}

impl DynamoStore {
    /// Does `others`, and sets tags to a manifest, in one transaction. `Err`
    /// with what did not hold of `others`; tags that move meanwhile are read
    /// again until it succeeds.
    pub(super) async fn transact_with_tags(
        &self,
        others: Vec<Write>,
        manifest: &Manifest,
        tags: &[TagName],
        now: Timestamp,
    ) -> StoreResult<Result<(), Refusals>> {
        let names: BTreeSet<_> = tags.iter().collect();
        let mut backoff = Backoff::start();
        loop {
            let mut writes = others.clone();
            writes.extend(self.moves_of(manifest, &names, now).await?);
            let Err(refusals) = self.table.transact(writes).await? else {
                return Ok(Ok(()));
            };
            if (0..others.len()).any(|other| refusals.is_refused(other)) {
                return Ok(Err(refusals));
            }
            let busy = StoreError::unavailable("the tags are set by too many at once");
            backoff.wait(self.table.fresh(), busy).await?;
        }
    }

    async fn moves_of(
        &self,
        manifest: &Manifest,
        names: &BTreeSet<&TagName>,
        now: Timestamp,
    ) -> StoreResult<Vec<Write>> {
        let keys: Vec<_> = names
            .iter()
            .map(|name| key::tag(&manifest.repository, name))
            .collect();
        let mut old = HashMap::new();
        for item in self.table.get_all(&keys, &[]).await? {
            old.insert(item.sort()?.to_owned(), decode(&item)?);
        }
        let moves = names
            .iter()
            .map(|name| moves(manifest, name, old.get(name.as_str()), now));
        Ok(moves.flatten().collect())
    }
}
