//! Edges: which manifests name a blob or a child. They stand with what they
//! lead to, which need not be there.

use std::collections::BTreeSet;

use berth_domain::{Edge, EdgeTarget, Page};
use berth_oci::RepositoryName;
use berth_ports::{GcSubject, StoreResult};
use jiff::Timestamp;

use super::{DynamoStore, Item, Key, Query, key};

/// The partition of what an edge leads to.
fn partition(repository: &RepositoryName, target: EdgeTarget) -> String {
    match target {
        EdgeTarget::Blob(digest) => key::link_partition(repository, digest),
        EdgeTarget::Manifest(digest) => key::manifest_partition(repository, digest),
    }
}

/// The keys of edges to these targets, each once.
fn keys<'a>(
    repository: &'a RepositoryName,
    edge: Edge,
    targets: &'a BTreeSet<EdgeTarget>,
) -> impl Iterator<Item = Key> {
    targets
        .iter()
        .map(move |target| Key::new(partition(repository, *target), key::edge(edge)))
}

fn decode(item: &Item) -> StoreResult<Edge> {
    let parsed = item
        .sort_behind(key::EDGE)?
        .split_once('#')
        .and_then(|(manifest, nonce)| Some((manifest.parse().ok()?, nonce.parse().ok()?)));
    let (manifest, nonce) = parsed.ok_or_else(|| item.damaged(key::SORT, "is no edge"))?;
    Ok(Edge { manifest, nonce })
}

impl DynamoStore {
    /// Writes edges, each for itself.
    pub(super) async fn put_edges_to(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
    ) -> StoreResult<()> {
        let targets = targets.iter().copied().collect();
        let puts = keys(repository, edge, &targets).map(|key| Item::new(&key));
        self.table.write_all(puts.collect(), Vec::new()).await
    }

    /// Deletes edges, and only then puts entries for what they led to: one that
    /// is looked at finds them gone.
    pub(super) async fn delete_edges_to(
        &self,
        repository: &RepositoryName,
        edge: Edge,
        targets: &[EdgeTarget],
        due: Timestamp,
    ) -> StoreResult<()> {
        let targets = targets.iter().copied().collect();
        let edges = keys(repository, edge, &targets).collect();
        self.table.write_all(Vec::new(), edges).await?;
        let entries = targets.iter().map(|target| {
            let subject = GcSubject::target(repository, *target);
            self.gc_entry(&subject, due)
        });
        self.table.write_all(entries.collect(), Vec::new()).await
    }

    pub(super) async fn edges_to(
        &self,
        repository: &RepositoryName,
        target: EdgeTarget,
        after: Option<Edge>,
        limit: usize,
    ) -> StoreResult<Page<Edge>> {
        let mut query = Query::of(partition(repository, target)).beginning(key::EDGE);
        if let Some(after) = after {
            query = query.after(&key::edge(after));
        }
        let Page { items, more } = self.table.query(&query, limit).await?;
        let items: StoreResult<_> = items.iter().map(decode).collect();
        Ok(Page {
            items: items?,
            more,
        })
    }
}
