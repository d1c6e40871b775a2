//! Behaviours of [`LinkStore`](berth_ports::LinkStore): lists.

use berth_domain::LinkId;
use berth_oci::{Digest, RepositoryName};
use berth_ports::BackEdge;

use super::fixtures::{digest, sorted_digests, walk};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about lists.
    link_lists_suite in link_lists {
        back_edges_are_listed_by_repository_and_link_in_pages,
        a_list_of_back_edges_goes_on_behind_one_that_is_gone,
        links_are_listed_by_digest_in_pages,
        a_list_of_links_goes_on_behind_one_that_is_gone,
        blobs_are_listed_by_digest_in_pages,
        a_list_of_blobs_goes_on_behind_any_digest,
    }
}

fn wide() -> Digest {
    Digest::of(berth_oci::Algorithm::Sha512, b"wide")
}

async fn prepare_six(stores: &Stores) -> Vec<(RepositoryName, LinkId)> {
    let mut prepared = Vec::new();
    for name in ["a/c", "a/b", "b/a"] {
        let repository = stores.make_repository(name).await;
        stores.prepare(&repository, digest("other")).await;
        for _ in 0..2 {
            let id = stores.prepare(&repository, digest("layer")).await;
            prepared.push((repository.clone(), id));
        }
    }
    prepared.sort();
    prepared
}

fn place(edge: &BackEdge) -> (RepositoryName, LinkId) {
    (edge.repository.clone(), edge.id)
}

/// Those of one blob, whatever the page size.
pub async fn back_edges_are_listed_by_repository_and_link_in_pages(stores: &Stores) {
    let expected = prepare_six(stores).await;
    for limit in [1, 2, 5, 6, 100] {
        let page = |after: Option<(RepositoryName, LinkId)>, limit| async move {
            let after = after.as_ref().map(|(repository, id)| (repository, *id));
            stores.links.back_edges(digest("layer"), after, limit).await
        };
        let found: Vec<_> = walk(limit, page, place).await.iter().map(place).collect();
        assert_eq!(found, expected, "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_back_edges_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let expected = prepare_six(stores).await;
    let (repository, id) = &expected[2];
    stores
        .links
        .withdraw_link(repository, digest("layer"), *id)
        .await
        .unwrap();
    let after = Some((repository, *id));
    let page = stores
        .links
        .back_edges(digest("layer"), after, 2)
        .await
        .unwrap();
    let found: Vec<_> = page.items.iter().map(place).collect();
    assert_eq!((&found[..], page.more), (&expected[3..5], true));
}

/// sha256 before sha512; a condemned one is among them.
pub async fn links_are_listed_by_digest_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    let mut expected = Vec::new();
    for digest in sorted_digests(4).into_iter().chain([wide()]) {
        expected.push(stores.make_link(&repository, digest).await);
    }
    stores.make_link(&other, digest("other")).await;
    let token = super::fixtures::fresh();
    let condemned = &mut expected[1];
    stores
        .links
        .condemn_link(&repository, condemned.digest, condemned.id, token)
        .await
        .unwrap();
    condemned.state = berth_domain::LinkState::Condemned(token);
    let repository = &repository;
    for limit in [1, 2, 5, 100] {
        let page =
            |after, limit| async move { stores.links.list_links(repository, after, limit).await };
        assert_eq!(
            walk(limit, page, |link| link.digest).await,
            expected,
            "limit {limit}"
        );
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_links_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let digests = sorted_digests(3);
    stores.make_link(&repository, digests[0]).await;
    let last = stores.make_link(&repository, digests[2]).await;
    let page = stores
        .links
        .list_links(&repository, Some(digests[1]), 10)
        .await
        .unwrap();
    assert_eq!((page.items, page.more), (vec![last], false));
}

/// Each once, however many links it has.
pub async fn blobs_are_listed_by_digest_in_pages(stores: &Stores) {
    let expected: Vec<_> = sorted_digests(4).into_iter().chain([wide()]).collect();
    for name in ["a/b", "a/c"] {
        let repository = stores.make_repository(name).await;
        for digest in &expected {
            stores.make_link(&repository, *digest).await;
        }
    }
    for limit in [1, 2, 5, 100] {
        let page = |after, limit| async move { stores.links.list_blobs(after, limit).await };
        let found = walk(limit, page, |blob| blob.digest).await;
        let digests: Vec<_> = found.iter().map(|blob| blob.digest).collect();
        assert_eq!(digests, expected, "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_blobs_goes_on_behind_any_digest(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let digests = sorted_digests(3);
    stores.make_link(&repository, digests[0]).await;
    stores.make_link(&repository, digests[2]).await;
    let page = stores.links.list_blobs(Some(digests[1]), 10).await.unwrap();
    assert_eq!((page.items.len(), page.more), (1, false));
    assert_eq!(page.items[0].digest, digests[2]);
}
