//! Behaviours of [`TagStore`](berth_ports::TagStore).

use berth_domain::{Expect, Manifest, Tag, Version};
use berth_oci::{Digest, RepositoryName, TagName};

use super::fixtures::{commit, deletion, fresh, race, tag, walk, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `TagStore`.
    tags_suite in tags {
        a_tag_that_is_not_there_is_none,
        tags_are_set_to_a_live_manifest,
        up_to_20_tags_are_set_at_once,
        setting_a_tag_again_keeps_when_it_was_pushed,
        setting_a_tag_to_another_manifest_moves_it,
        tags_cannot_be_set_to_what_is_not_live,
        tags_cannot_be_set_under_another_nonce,
        a_tag_set_by_many_at_once_is_one_manifests,
        a_confirmed_tag_is_checked_and_not_pushed,
        a_confirmation_of_an_older_version_changes_nothing,
        a_confirmation_of_a_gone_tag_changes_nothing,
        a_deleted_tag_is_gone_and_its_manifest_stays,
        a_tag_is_deleted_at_the_expected_version_only,
        a_tag_made_again_has_no_version_that_the_deleted_one_had,
        a_tag_is_not_deleted_where_none_is_expected,
        a_deletion_of_a_gone_tag_is_not_found,
        one_of_many_deletions_of_a_tag_wins,
        tags_are_listed_in_order_of_their_bytes_in_pages,
        a_list_of_tags_goes_on_behind_any_text,
        tags_stay_in_their_repository,
        tags_of_a_manifest_are_listed_with_their_records_in_pages,
        a_list_of_a_manifests_tags_goes_on_behind_one_that_is_gone,
    }
}

async fn get(stores: &Stores, repository: &RepositoryName, name: &str) -> Option<Tag> {
    stores.tags.tag(repository, &tag(name)).await.unwrap()
}

async fn names_of(stores: &Stores, repository: &RepositoryName, digest: Digest) -> Vec<String> {
    let page = stores
        .tags
        .tags_of(repository, digest, None, 1000)
        .await
        .unwrap();
    page.items.iter().map(|(tag, _)| tag.to_string()).collect()
}

async fn names(stores: &Stores, repository: &RepositoryName) -> Vec<String> {
    let page = stores.tags.list_tags(repository, None, 1000).await.unwrap();
    page.items.iter().map(TagName::to_string).collect()
}

/// Neither by name nor in the list.
pub async fn a_tag_that_is_not_there_is_none(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    assert_eq!(get(stores, &repository, "latest").await, None);
    assert!(names(stores, &repository).await.is_empty());
}

/// With the manifest's type and size and the time given.
pub async fn tags_are_set_to_a_live_manifest(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    let now = stores.later();
    stores
        .tags
        .put_tags(&manifest, &[tag("latest"), tag("1.0")], now)
        .await
        .unwrap();
    let expected = Tag {
        digest: manifest.digest,
        media_type: manifest.media_type,
        size: manifest.size,
        pushed_at: now,
        checked_at: now,
        version: Version::fresh(now),
    };
    for name in ["latest", "1.0"] {
        assert_eq!(
            get(stores, &repository, name).await.as_ref(),
            Some(&expected)
        );
    }
    assert_eq!(
        names_of(stores, &repository, manifest.digest).await,
        ["1.0", "latest"]
    );
}

/// In one transaction.
pub async fn up_to_20_tags_are_set_at_once(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    let tags: Vec<_> = (10..30).map(|number| tag(&format!("v{number}"))).collect();
    stores
        .tags
        .put_tags(&manifest, &tags, stores.now())
        .await
        .unwrap();
    assert_eq!(names(stores, &repository).await.len(), 20);
}

/// It is checked now, and one version higher.
pub async fn setting_a_tag_again_keeps_when_it_was_pushed(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &["latest"]).await;
    let first = get(stores, &repository, "latest").await.unwrap();
    let pushed = stores.now();
    let checked = stores.later();
    stores
        .tags
        .put_tags(&manifest, &[tag("latest")], checked)
        .await
        .unwrap();
    let latest = get(stores, &repository, "latest").await.unwrap();
    assert_eq!((latest.pushed_at, latest.checked_at), (pushed, checked));
    assert_eq!(latest.version, first.version.next());
}

/// It is the other's, in all lists, and pushed now.
pub async fn setting_a_tag_to_another_manifest_moves_it(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = stores.push(&repository, "old", &["latest", "1.0"]).await;
    let new = stores.push(&repository, "longer", &[]).await;
    let first = get(stores, &repository, "latest").await.unwrap();
    let now = stores.later();
    stores
        .tags
        .put_tags(&new, &[tag("latest")], now)
        .await
        .unwrap();
    let latest = get(stores, &repository, "latest").await.unwrap();
    assert_eq!((latest.digest, latest.size), (new.digest, new.size));
    assert_eq!((latest.pushed_at, latest.checked_at), (now, now));
    assert_eq!(latest.version, first.version.next());
    assert_eq!(names_of(stores, &repository, old.digest).await, ["1.0"]);
    assert_eq!(names_of(stores, &repository, new.digest).await, ["latest"]);
    assert_eq!(names(stores, &repository).await, ["1.0", "latest"]);
}

async fn assert_refused(stores: &Stores, manifest: &Manifest) {
    let put = stores
        .tags
        .put_tags(manifest, &[tag("latest"), tag("new")], stores.now())
        .await;
    assert_fails!(put, Conflict);
    assert_eq!(get(stores, &manifest.repository, "new").await, None);
}

/// One that never was, a pending one, a deleting one.
pub async fn tags_cannot_be_set_to_what_is_not_live(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = stores.push(&repository, "old", &["latest"]).await;
    let manifest = stores.manifest(&repository, "manifest");
    assert_refused(stores, &manifest).await;
    stores.begin(&manifest).await;
    assert_refused(stores, &manifest).await;
    stores
        .manifests
        .commit_manifest(&commit(&manifest, &[]))
        .await
        .unwrap();
    let Manifest { digest, nonce, .. } = manifest;
    stores
        .manifests
        .begin_delete(&repository, digest, nonce, &deletion())
        .await
        .unwrap();
    assert_refused(stores, &manifest).await;
    assert_eq!(
        get(stores, &repository, "latest").await.unwrap().digest,
        old.digest
    );
}

/// Another life of the manifest may be gone tomorrow.
pub async fn tags_cannot_be_set_under_another_nonce(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    assert_refused(
        stores,
        &Manifest {
            nonce: fresh(),
            ..manifest
        },
    )
    .await;
}

/// The lists of all manifests agree with the tag.
pub async fn a_tag_set_by_many_at_once_is_one_manifests(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let mut manifests = Vec::new();
    for number in 0..super::fixtures::RUNNERS {
        manifests.push(stores.push(&repository, &number.to_string(), &[]).await);
    }
    let results = race(|runner| {
        let (stores, manifest) = (stores.clone(), manifests[runner].clone());
        async move {
            stores
                .tags
                .put_tags(&manifest, &[tag("latest")], stores.now())
                .await
        }
    })
    .await;
    assert_eq!(winners(&results), manifests.len());
    let latest = get(stores, &repository, "latest").await.unwrap();
    let writes = latest.version.0 - Version::fresh(stores.now()).0 + 1;
    assert_eq!(writes, manifests.len() as u64);
    for manifest in manifests {
        let has_it = !names_of(stores, &repository, manifest.digest)
            .await
            .is_empty();
        assert_eq!(has_it, manifest.digest == latest.digest);
    }
}

/// Its manifest and its time of push stay.
pub async fn a_confirmed_tag_is_checked_and_not_pushed(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "manifest", &["latest"]).await;
    let before = get(stores, &repository, "latest").await.unwrap();
    let now = stores.later();
    stores
        .tags
        .confirm_tag(&repository, &tag("latest"), before.version, now)
        .await
        .unwrap();
    let after = get(stores, &repository, "latest").await.unwrap();
    assert!(after.version > before.version);
    assert_eq!(
        after,
        Tag {
            checked_at: now,
            version: after.version,
            ..before
        }
    );
    let (_, listed) = &stores
        .tags
        .tags_of(&repository, after.digest, None, 1)
        .await
        .unwrap()
        .items[0];
    assert_eq!(*listed, after);
}

/// The tag was moved meanwhile; that is no error.
pub async fn a_confirmation_of_an_older_version_changes_nothing(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "old", &["latest"]).await;
    let first = get(stores, &repository, "latest").await.unwrap();
    stores.push(&repository, "new", &["latest"]).await;
    let before = get(stores, &repository, "latest").await;
    let now = stores.later();
    stores
        .tags
        .confirm_tag(&repository, &tag("latest"), first.version, now)
        .await
        .unwrap();
    assert_eq!(get(stores, &repository, "latest").await, before);
}

/// The tag was deleted meanwhile; that is no error.
pub async fn a_confirmation_of_a_gone_tag_changes_nothing(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let now = stores.now();
    stores
        .tags
        .confirm_tag(&repository, &tag("latest"), Version(1), now)
        .await
        .unwrap();
    assert_eq!(get(stores, &repository, "latest").await, None);
}

async fn delete(
    stores: &Stores,
    repository: &RepositoryName,
    expect: Expect,
) -> berth_ports::StoreResult<()> {
    stores
        .tags
        .delete_tag(repository, &tag("latest"), expect)
        .await
}

/// From all lists.
pub async fn a_deleted_tag_is_gone_and_its_manifest_stays(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores
        .push(&repository, "manifest", &["latest", "1.0"])
        .await;
    delete(stores, &repository, Expect::Any).await.unwrap();
    assert_eq!(get(stores, &repository, "latest").await, None);
    assert_eq!(names(stores, &repository).await, ["1.0"]);
    assert_eq!(
        names_of(stores, &repository, manifest.digest).await,
        ["1.0"]
    );
    let still = stores
        .manifests
        .manifest(&repository, manifest.digest)
        .await
        .unwrap();
    assert_eq!(still, Some(manifest));
}

/// A tag that was moved meanwhile stays.
pub async fn a_tag_is_deleted_at_the_expected_version_only(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "old", &["latest"]).await;
    let first = get(stores, &repository, "latest").await.unwrap().version;
    stores.push(&repository, "new", &["latest"]).await;
    assert_fails!(
        delete(stores, &repository, Expect::Version(first)).await,
        Conflict
    );
    assert!(get(stores, &repository, "latest").await.is_some());
    delete(stores, &repository, Expect::Version(first.next()))
        .await
        .unwrap();
    assert_eq!(get(stores, &repository, "latest").await, None);
}

/// Who would delete the one that is gone leaves the other.
pub async fn a_tag_made_again_has_no_version_that_the_deleted_one_had(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "old", &["latest"]).await;
    let deleted = get(stores, &repository, "latest").await.unwrap().version;
    delete(stores, &repository, Expect::Any).await.unwrap();
    let new = stores.push(&repository, "new", &[]).await;
    let now = stores.later();
    stores
        .tags
        .put_tags(&new, &[tag("latest")], now)
        .await
        .unwrap();
    assert_fails!(
        delete(stores, &repository, Expect::Version(deleted)).await,
        Conflict
    );
    assert!(get(stores, &repository, "latest").await.unwrap().version > deleted);
}

/// What is expected does not hold.
pub async fn a_tag_is_not_deleted_where_none_is_expected(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "manifest", &["latest"]).await;
    assert_fails!(delete(stores, &repository, Expect::Absent).await, Conflict);
    assert!(get(stores, &repository, "latest").await.is_some());
}

/// Whatever is expected.
pub async fn a_deletion_of_a_gone_tag_is_not_found(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for expect in [Expect::Any, Expect::Version(Version(1)), Expect::Absent] {
        assert_fails!(delete(stores, &repository, expect).await, NotFound);
    }
}

/// The others do not find it.
pub async fn one_of_many_deletions_of_a_tag_wins(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "manifest", &["latest"]).await;
    let results = race(|_| {
        let (stores, repository) = (stores.clone(), repository.clone());
        async move { delete(&stores, &repository, Expect::Any).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
}

const SORTED: [&str; 8] = ["1", "1-a", "1.0", "10", "A", "_", "a", "a-"];

/// Capitals before small letters, whatever the page size.
pub async fn tags_are_listed_in_order_of_their_bytes_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let other = stores.push(&repository, "other", &SORTED[..3]).await;
    stores.push(&repository, "manifest", &SORTED[3..]).await;
    stores
        .tags
        .put_tags(&other, &[tag("a")], stores.now())
        .await
        .unwrap();
    let repository = &repository;
    for limit in [1, 3, 8, 10_000] {
        let page = |after: Option<TagName>, limit| async move {
            stores
                .tags
                .list_tags(repository, after.as_ref().map(TagName::as_str), limit)
                .await
        };
        let found = walk(limit, page, TagName::clone).await;
        let found: Vec<_> = found.iter().map(TagName::as_str).collect();
        assert_eq!(found, SORTED, "limit {limit}");
    }
}

/// `last` comes from a client: it need not be a tag.
pub async fn a_list_of_tags_goes_on_behind_any_text(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "manifest", &SORTED).await;
    for (after, expected) in [
        ("", &SORTED[..]),
        ("1.", &SORTED[2..]),
        ("B/\u{e9}", &SORTED[5..]),
        ("b", &[]),
    ] {
        let page = stores
            .tags
            .list_tags(&repository, Some(after), 100)
            .await
            .unwrap();
        let found: Vec<_> = page.items.iter().map(TagName::as_str).collect();
        assert_eq!(found, expected, "after {after:?}");
    }
}

/// In all lists.
pub async fn tags_stay_in_their_repository(stores: &Stores) {
    let one = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    let manifest = stores.push(&one, "manifest", &["latest"]).await;
    stores.push(&other, "manifest", &["1.0"]).await;
    assert_eq!(get(stores, &other, "latest").await, None);
    assert_eq!(names(stores, &one).await, ["latest"]);
    assert_eq!(names_of(stores, &other, manifest.digest).await, ["1.0"]);
}

/// Whatever the page size.
pub async fn tags_of_a_manifest_are_listed_with_their_records_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &SORTED).await;
    stores.push(&repository, "other", &["0", "z"]).await;
    let (repository, digest) = (&repository, manifest.digest);
    for limit in [1, 3, 8, 100] {
        let page = |after: Option<TagName>, limit| async move {
            stores
                .tags
                .tags_of(repository, digest, after.as_ref(), limit)
                .await
        };
        let found = walk(limit, page, |(tag, _)| tag.clone()).await;
        let names: Vec<_> = found.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(names, SORTED, "limit {limit}");
        assert!(
            found
                .iter()
                .all(|(_, tag)| tag.digest == digest && tag.size == manifest.size)
        );
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_a_manifests_tags_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &["a", "c"]).await;
    let gone = tag("b");
    let page = stores
        .tags
        .tags_of(&repository, manifest.digest, Some(&gone), 10)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].0, tag("c"));
}
