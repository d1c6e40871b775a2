//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): edges.

use berth_domain::{Edge, EdgeTarget, Nonce};
use berth_oci::{Digest, RepositoryName};
use berth_ports::GcSubject;

use super::fixtures::{digest, fresh, sorted_digests, walk};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about edges.
    edges_suite in edges {
        an_edge_leads_to_each_of_its_targets,
        edges_may_be_there_before_manifest_and_target,
        up_to_25_edges_are_written_at_once,
        an_edge_that_is_written_twice_is_one,
        edges_of_different_nonces_are_different,
        edges_to_a_blob_and_to_a_manifest_are_told_apart,
        edges_stay_in_their_repository,
        deleted_edges_are_gone_and_the_others_stay,
        targets_of_deleted_edges_are_in_the_gc_queue,
        deleting_edges_that_are_not_there_is_no_error,
        edges_outlive_an_aborted_manifest,
        edges_are_listed_by_manifest_and_nonce_in_pages,
        a_list_of_edges_goes_on_behind_one_that_is_gone,
    }
}

async fn put(stores: &Stores, repository: &RepositoryName, edge: Edge, targets: &[EdgeTarget]) {
    stores
        .manifests
        .put_edges(repository, edge, targets)
        .await
        .unwrap();
}

async fn to(stores: &Stores, repository: &RepositoryName, target: EdgeTarget) -> Vec<Edge> {
    let page = stores
        .manifests
        .edges(repository, target, None, 100)
        .await
        .unwrap();
    assert!(!page.more);
    page.items
}

fn edge(manifest: &str) -> Edge {
    Edge {
        manifest: digest(manifest),
        nonce: fresh(),
    }
}

fn blob(name: &str) -> EdgeTarget {
    EdgeTarget::Blob(digest(name))
}

fn child(name: &str) -> EdgeTarget {
    EdgeTarget::Manifest(digest(name))
}

/// And to no other.
pub async fn an_edge_leads_to_each_of_its_targets(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edge = edge("manifest");
    put(
        stores,
        &repository,
        edge,
        &[blob("one"), blob("two"), child("three")],
    )
    .await;
    for target in [blob("one"), blob("two"), child("three")] {
        assert_eq!(to(stores, &repository, target).await, [edge]);
    }
    assert_eq!(to(stores, &repository, blob("four")).await, []);
}

/// A plain put asks for nothing.
pub async fn edges_may_be_there_before_manifest_and_target(stores: &Stores) {
    let repository: RepositoryName = "never/was".parse().unwrap();
    let edge = edge("manifest");
    put(stores, &repository, edge, &[blob("layer")]).await;
    assert_eq!(to(stores, &repository, blob("layer")).await, [edge]);
    assert_eq!(
        stores
            .links
            .link(&repository, digest("layer"))
            .await
            .unwrap(),
        None
    );
}

/// That is a call's limit.
pub async fn up_to_25_edges_are_written_at_once(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edge = edge("manifest");
    let targets: Vec<_> = sorted_digests(25)
        .into_iter()
        .map(EdgeTarget::Blob)
        .collect();
    put(stores, &repository, edge, &targets).await;
    for target in targets {
        assert_eq!(to(stores, &repository, target).await, [edge]);
    }
}

/// A repeat says nothing and changes nothing.
pub async fn an_edge_that_is_written_twice_is_one(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edge = edge("manifest");
    put(stores, &repository, edge, &[blob("layer")]).await;
    put(stores, &repository, edge, &[blob("layer"), blob("layer")]).await;
    assert_eq!(to(stores, &repository, blob("layer")).await, [edge]);
}

/// Two tries to push one manifest have edges of their own.
pub async fn edges_of_different_nonces_are_different(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let mut edges = [edge("manifest"), edge("manifest")];
    edges.sort();
    for edge in edges {
        put(stores, &repository, edge, &[blob("layer")]).await;
    }
    assert_eq!(to(stores, &repository, blob("layer")).await, edges);
}

/// Even if the digest is the same.
pub async fn edges_to_a_blob_and_to_a_manifest_are_told_apart(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let (one, two) = (edge("manifest"), edge("index"));
    put(stores, &repository, one, &[blob("same")]).await;
    put(stores, &repository, two, &[child("same")]).await;
    assert_eq!(to(stores, &repository, blob("same")).await, [one]);
    assert_eq!(to(stores, &repository, child("same")).await, [two]);
}

/// Another repository's link has edges of its own.
pub async fn edges_stay_in_their_repository(stores: &Stores) {
    let one = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    put(stores, &one, edge("manifest"), &[blob("layer")]).await;
    assert_eq!(to(stores, &other, blob("layer")).await, []);
}

/// Other targets' and other nonces' edges are others.
pub async fn deleted_edges_are_gone_and_the_others_stay(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let (gone, kept) = (edge("manifest"), edge("manifest"));
    for edge in [gone, kept] {
        put(stores, &repository, edge, &[blob("one"), blob("two")]).await;
    }
    let deleted = [blob("one"), child("one")];
    stores
        .manifests
        .delete_edges(&repository, gone, &deleted, stores.now())
        .await
        .unwrap();
    assert_eq!(to(stores, &repository, blob("one")).await, [kept]);
    assert_eq!(to(stores, &repository, blob("two")).await.len(), 2);
}

/// One entry for each, due now.
pub async fn targets_of_deleted_edges_are_in_the_gc_queue(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edge = edge("index");
    let targets = [blob("one"), child("two")];
    put(stores, &repository, edge, &targets).await;
    assert_eq!(stores.gc.due(stores.now(), None, 10).await.unwrap(), []);
    stores
        .manifests
        .delete_edges(&repository, edge, &targets, stores.now())
        .await
        .unwrap();
    let due = stores.gc.due(stores.now(), None, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    for target in targets {
        let subject = GcSubject::target(&repository, target);
        assert!(
            due.iter().any(|entry| entry.subject == subject),
            "{target:?}"
        );
    }
    assert!(due.iter().all(|entry| entry.due == stores.now()));
}

/// An unlink may run twice.
pub async fn deleting_edges_that_are_not_there_is_no_error(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let targets = [blob("one"), child("two")];
    let edge = edge("manifest");
    stores
        .manifests
        .delete_edges(&repository, edge, &targets, stores.now())
        .await
        .unwrap();
}

/// Until its job deletes them.
pub async fn edges_outlive_an_aborted_manifest(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let edge = Edge {
        manifest: manifest.digest,
        nonce: manifest.nonce,
    };
    put(stores, &repository, edge, &[blob("layer")]).await;
    stores
        .manifests
        .abort_manifest(&repository, manifest.digest, manifest.nonce, &[])
        .await
        .unwrap();
    assert_eq!(to(stores, &repository, blob("layer")).await, [edge]);
}

async fn put_six(stores: &Stores, repository: &RepositoryName) -> Vec<Edge> {
    let mut edges = Vec::new();
    for manifest in sorted_digests(3) {
        let nonces: [Nonce; 2] = [fresh(), fresh()];
        edges.extend(nonces.map(|nonce| Edge { manifest, nonce }));
    }
    for edge in edges.iter().rev() {
        put(stores, repository, *edge, &[blob("layer"), blob("other")]).await;
    }
    edges.sort();
    edges
}

/// Whatever the page size.
pub async fn edges_are_listed_by_manifest_and_nonce_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edges = put_six(stores, &repository).await;
    let repository = &repository;
    for limit in [1, 2, 5, 6, 100] {
        let page = |after, limit| async move {
            stores
                .manifests
                .edges(repository, blob("layer"), after, limit)
                .await
        };
        assert_eq!(
            walk(limit, page, |edge| *edge).await,
            edges,
            "limit {limit}"
        );
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_edges_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let edges = put_six(stores, &repository).await;
    let gone = edges[2];
    let target = blob("layer");
    let now = stores.now();
    stores
        .manifests
        .delete_edges(&repository, gone, &[target], now)
        .await
        .unwrap();
    let page = stores
        .manifests
        .edges(&repository, target, Some(gone), 2)
        .await
        .unwrap();
    assert_eq!((page.items, page.more), (edges[3..5].to_vec(), true));
    let never: Digest = digest("nobody");
    let page = stores
        .manifests
        .edges(&repository, EdgeTarget::Blob(never), Some(gone), 2)
        .await;
    assert_eq!(page.unwrap().items, []);
}
