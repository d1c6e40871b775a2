//! Blobs, and the links that make them visible. How a link comes to be has its
//! own file, and so have lists for verification.

use async_trait::async_trait;
use berth_domain::{Blob, Link, LinkId, LinkState, LinkToken, Page, ProjectId};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{
    BackEdge, CommitLink, GcSubject, LinkCommit, LinkStore, StoreError, StoreResult,
};
use jiff::Timestamp;

use super::link_commit::{is_blob, is_pending};
use super::{Condition, DynamoStore, Item, Query, Update, Write, key};

pub(super) const PROJECT: &str = "project";
pub(super) const LINK_ID: &str = "link_id";
/// The attribute that a link has while it is condemned.
const TOKEN: &str = "token";
pub(super) const TOUCHED_AT: &str = "touched_at";
pub(super) const OBJECT_KEY: &str = "object_key";
pub(super) const SIZE: &str = "size";
pub(super) const GENERATION: &str = "generation";
/// The attribute that tells whether a back-edge's link was committed.
pub(super) const LINKED: &str = "linked";

#[async_trait]
impl LinkStore for DynamoStore {
    async fn link(&self, repository: &RepositoryName, digest: Digest) -> StoreResult<Option<Link>> {
        let item = self.table.get(&key::link(repository, digest)).await?;
        item.map(|item| decode_link(repository, digest, &item))
            .transpose()
    }

    async fn blob(&self, digest: Digest) -> StoreResult<Option<Blob>> {
        let item = self.table.get(&key::blob(digest)).await?;
        item.map(|item| decode_blob(digest, &item)).transpose()
    }

    async fn prepare_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        due: Timestamp,
    ) -> StoreResult<()> {
        let subject = GcSubject::Link(repository.clone(), digest);
        let entry = self.held_gc_entry(&subject, due);
        self.put_held(&entry).await?;
        let back_edge = Item::new(&key::back_edge(digest, repository, id)).set(LINKED, false);
        // Only if absent: a repetition that arrives late must not make a linked
        // one pending again.
        let _there = self.table.write(Write::create(back_edge)).await?;
        self.release(entry).await;
        Ok(())
    }

    async fn commit_link(&self, commit: &CommitLink) -> StoreResult<LinkCommit> {
        self.make_link(commit).await
    }

    async fn withdraw_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
    ) -> StoreResult<()> {
        let withdraw = Write::delete(key::back_edge(digest, repository, id)).when(is_pending());
        // One that is linked stays, one that is gone needs nothing.
        self.table.write(withdraw).await.map(drop)
    }

    async fn revive_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        condemned: Option<LinkToken>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let revive = Update::of(key::link(repository, digest))
            .set(TOKEN, None::<&str>)
            .set(TOUCHED_AT, now);
        let expected = match condemned {
            Some(token) => is_condemned(token),
            None => is_live(),
        };
        let done = self.table.write(Write::update(revive).when(expected));
        done.await?.map_err(|_| changed(repository, digest))
    }

    async fn condemn_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        id: LinkId,
        token: LinkToken,
    ) -> StoreResult<()> {
        let condemn = Update::of(key::link(repository, digest)).set(TOKEN, token.to_string());
        let expected = is_live().and(Condition::equal(LINK_ID, id.to_string()));
        // As a transaction: a repetition that arrives late must not condemn a
        // link again that was revived.
        let condemn = vec![Write::update(condemn).when(expected)];
        let done = self.table.transact(condemn).await?;
        done.map_err(|_| changed(repository, digest))
    }

    async fn delete_link(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        token: LinkToken,
        due: Timestamp,
    ) -> StoreResult<()> {
        // Its id, which is the link's as long as the token is.
        let link = self.link(repository, digest).await?;
        let link = link.filter(|link| link.state == LinkState::Condemned(token));
        let link = link.ok_or_else(|| changed(repository, digest))?;
        // A look at the blob that still sees the back-edge must not count.
        let entry = self.held_gc_entry(&GcSubject::Blob(digest), due);
        let writes = vec![
            Write::delete(key::link(repository, digest)).when(is_condemned(token)),
            Write::delete(key::back_edge(digest, repository, link.id)),
            entry.write(),
        ];
        let done = self.table.transact(writes).await?;
        done.map_err(|_| changed(repository, digest))?;
        self.release(entry).await;
        Ok(())
    }

    async fn delete_blob(&self, blob: &Blob, due: Timestamp) -> StoreResult<()> {
        let unchanged = is_blob(blob.key).and(Condition::equal(GENERATION, blob.generation));
        // Not held: an object may go as soon as its entry is seen.
        let entry = self.gc_entry(&GcSubject::Object(blob.key), due);
        let writes = vec![
            Write::delete(key::blob(blob.digest)).when(unchanged),
            Write::put(entry),
        ];
        let done = self.table.transact(writes).await?;
        done.map_err(|_| StoreError::Conflict(format!("blob {}", blob.digest)))
    }

    async fn back_edges(
        &self,
        digest: Digest,
        after: Option<(&RepositoryName, LinkId)>,
        limit: usize,
    ) -> StoreResult<Page<BackEdge>> {
        let mut query = Query::of(key::blob_partition(digest)).beginning(key::BACK_EDGE);
        if let Some((repository, id)) = after {
            query = query.after(&key::back_edge(digest, repository, id).sort);
        }
        let Page { items, more } = self.table.query(&query, limit).await?;
        let items: StoreResult<_> = items.iter().map(decode_back_edge).collect();
        Ok(Page {
            items: items?,
            more,
        })
    }

    async fn list_links(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> StoreResult<Page<Link>> {
        self.links_of(repository, after, limit).await
    }

    async fn list_blobs(&self, after: Option<Digest>, limit: usize) -> StoreResult<Page<Blob>> {
        self.all_blobs(after, limit).await
    }
}

/// The link is there and not condemned.
fn is_live() -> Condition {
    Condition::Has(LINK_ID).and(Condition::Lacks(TOKEN))
}

/// The link is condemned under this token.
fn is_condemned(token: LinkToken) -> Condition {
    Condition::equal(TOKEN, token.to_string())
}

pub(super) fn decode_link(
    repository: &RepositoryName,
    digest: Digest,
    item: &Item,
) -> StoreResult<Link> {
    let token = item.optional(TOKEN, Item::parsed)?;
    Ok(Link {
        repository: repository.clone(),
        project: ProjectId(item.number(PROJECT)?),
        digest,
        id: item.parsed(LINK_ID)?,
        state: token.map_or(LinkState::Live, LinkState::Condemned),
        key: item.parsed(OBJECT_KEY)?,
        size: item.number(SIZE)?,
        touched_at: item.time(TOUCHED_AT)?,
    })
}

pub(super) fn decode_blob(digest: Digest, item: &Item) -> StoreResult<Blob> {
    Ok(Blob {
        digest,
        key: item.parsed(OBJECT_KEY)?,
        size: item.number(SIZE)?,
        generation: item.number(GENERATION)?,
    })
}

fn decode_back_edge(item: &Item) -> StoreResult<BackEdge> {
    let parsed = item
        .sort_behind(key::BACK_EDGE)?
        .rsplit_once('#')
        .and_then(|(repository, id)| Some((repository.parse().ok()?, id.parse().ok()?)));
    let (repository, id) = parsed.ok_or_else(|| item.damaged(key::SORT, "is no back-edge"))?;
    Ok(BackEdge {
        repository,
        id,
        linked: item.flag(LINKED)?,
    })
}

fn changed(repository: &RepositoryName, digest: Digest) -> StoreError {
    StoreError::Conflict(format!("link {repository}@{digest}"))
}
