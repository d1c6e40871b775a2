//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): lists.

use berth_domain::Manifest;
use berth_oci::{Algorithm, Digest};

use super::fixtures::{deletion, digest, sorted_digests, walk};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about lists.
    manifest_lists_suite in manifest_lists {
        manifests_are_listed_by_digest_in_pages,
        only_live_manifests_are_listed,
        a_list_of_manifests_goes_on_behind_one_that_is_gone,
    }
}

/// sha256 before sha512, whatever the page size.
pub async fn manifests_are_listed_by_digest_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    let wide = Manifest {
        digest: Digest::of(Algorithm::Sha512, b"wide"),
        ..stores.manifest(&repository, "wide")
    };
    stores.push_manifest(&wide, &[]).await;
    for number in 0..5 {
        stores.push(&repository, &number.to_string(), &[]).await;
        stores.push(&other, &format!("other {number}"), &[]).await;
    }
    let mut expected = sorted_digests(5);
    expected.push(wide.digest);
    let repository = &repository;
    for limit in [1, 2, 6, 1000] {
        let page = |after, limit| async move {
            stores
                .manifests
                .list_manifests(repository, after, limit)
                .await
        };
        let found = walk(limit, page, |manifest| manifest.digest).await;
        let digests: Vec<_> = found.iter().map(|manifest| manifest.digest).collect();
        assert_eq!(digests, expected, "limit {limit}");
    }
}

/// Pages are full and `more` is true to what is live, although others are
/// there.
pub async fn only_live_manifests_are_listed(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let mut live = Vec::new();
    for number in 0..9 {
        let manifest = stores.manifest(&repository, &number.to_string());
        match number % 3 {
            0 => stores.begin(&manifest).await,
            1 => {
                stores.push_manifest(&manifest, &[]).await;
                let Manifest { digest, nonce, .. } = manifest;
                stores
                    .manifests
                    .begin_delete(&repository, digest, nonce, &deletion())
                    .await
                    .unwrap();
            }
            _ => {
                stores.push_manifest(&manifest, &[]).await;
                live.push(manifest.digest);
            }
        }
    }
    live.sort();
    let repository = &repository;
    for limit in [1, 2, 3, 10] {
        let page = |after, limit| async move {
            stores
                .manifests
                .list_manifests(repository, after, limit)
                .await
        };
        let found = walk(limit, page, |manifest| manifest.digest).await;
        let digests: Vec<_> = found.iter().map(|manifest| manifest.digest).collect();
        assert_eq!(digests, live, "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_manifests_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for number in [0, 2] {
        let expected = sorted_digests(3)[number];
        let text = (0..3)
            .map(|text| text.to_string())
            .find(|text| digest(text) == expected);
        stores.push(&repository, &text.unwrap(), &[]).await;
    }
    let gone = sorted_digests(3)[1];
    let page = stores
        .manifests
        .list_manifests(&repository, Some(gone), 10)
        .await
        .unwrap();
    let digests: Vec<_> = page.items.iter().map(|manifest| manifest.digest).collect();
    assert_eq!(digests, sorted_digests(3)[2..]);
}
