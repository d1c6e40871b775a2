//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): promises to
//! pushers, and deletions that heed them or died.

use std::time::Duration;

use berth_domain::{Manifest, ManifestState};
use berth_ports::{BeginDelete, DeleteEnd, GcSubject, StoreResult};
use jiff::Timestamp;

use super::fixtures::{commit, deletion, fresh};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about promises.
    manifest_promises_suite in manifest_promises {
        a_push_is_a_promise,
        a_touch_is_a_promise,
        a_promise_that_is_older_holds_no_deletion_up,
        a_touch_of_an_older_time_takes_no_promise_back,
        a_touch_of_what_is_not_live_is_no_error_and_does_nothing,
        a_deletion_that_asks_for_no_promise_begins,
        a_begun_deletion_is_in_the_gc_queue,
        a_refused_deletion_is_not_in_the_gc_queue,
        a_deleting_manifest_is_whole_for_who_ends_it,
        only_a_deleting_manifest_is_told_to_who_ends_deletions,
    }
}

async fn make(stores: &Stores) -> Manifest {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "manifest", &["latest"]).await
}

/// Begins a deletion if nobody was promised the manifest at `since` or later.
async fn delete_if_untouched(
    stores: &Stores,
    manifest: &Manifest,
    since: Timestamp,
) -> StoreResult<()> {
    let deletion = BeginDelete {
        untouched_since: Some(since),
        due: stores.now(),
    };
    stores
        .manifests
        .begin_delete(
            &manifest.repository,
            manifest.digest,
            manifest.nonce,
            &deletion,
        )
        .await
}

async fn touch(stores: &Stores, manifest: &Manifest, at: Timestamp) {
    stores
        .manifests
        .touch_manifest(&manifest.repository, manifest.digest, at)
        .await
        .unwrap();
}

async fn deleting(stores: &Stores, manifest: &Manifest) -> Option<Manifest> {
    stores
        .manifests
        .deleting_manifest(&manifest.repository, manifest.digest)
        .await
        .unwrap()
}

async fn assert_live(stores: &Stores, manifest: &Manifest) {
    stores
        .assert_state(manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
}

/// At its very time too.
pub async fn a_push_is_a_promise(stores: &Stores) {
    let manifest = make(stores).await;
    let refused = delete_if_untouched(stores, &manifest, manifest.pushed_at).await;
    assert_fails!(refused, Conflict);
    assert_live(stores, &manifest).await;
}

/// From then on, until the next.
pub async fn a_touch_is_a_promise(stores: &Stores) {
    let manifest = make(stores).await;
    for _ in 0..2 {
        let now = stores.later();
        touch(stores, &manifest, now).await;
        let refused = delete_if_untouched(stores, &manifest, now).await;
        assert_fails!(refused, Conflict);
        assert_live(stores, &manifest).await;
    }
}

/// It has run out.
pub async fn a_promise_that_is_older_holds_no_deletion_up(stores: &Stores) {
    let manifest = make(stores).await;
    let touched_at = stores.later();
    touch(stores, &manifest, touched_at).await;
    let since = touched_at + Duration::from_nanos(1);
    delete_if_untouched(stores, &manifest, since).await.unwrap();
    stores
        .assert_state(&manifest, Some((ManifestState::Deleting, manifest.nonce)))
        .await;
}

/// Another machine's clock may be behind.
pub async fn a_touch_of_an_older_time_takes_no_promise_back(stores: &Stores) {
    let manifest = make(stores).await;
    let (old, new) = (stores.later(), stores.later());
    touch(stores, &manifest, new).await;
    touch(stores, &manifest, old).await;
    assert_fails!(delete_if_untouched(stores, &manifest, new).await, Conflict);
}

/// Never there, pending, deleting.
pub async fn a_touch_of_what_is_not_live_is_no_error_and_does_nothing(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    let future = stores.now() + Duration::from_hours(1);
    touch(stores, &manifest, future).await;
    stores.assert_state(&manifest, None).await;
    stores.begin(&manifest).await;
    touch(stores, &manifest, future).await;
    stores
        .manifests
        .commit_manifest(&commit(&manifest, &[]))
        .await
        .unwrap();
    let since = stores.later();
    delete_if_untouched(stores, &manifest, since).await.unwrap();
    touch(stores, &manifest, future).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Deleting, manifest.nonce)))
        .await;
}

/// A client's does not.
pub async fn a_deletion_that_asks_for_no_promise_begins(stores: &Stores) {
    let manifest = make(stores).await;
    touch(stores, &manifest, stores.now()).await;
    stores
        .manifests
        .begin_delete(
            &manifest.repository,
            manifest.digest,
            manifest.nonce,
            &deletion(),
        )
        .await
        .unwrap();
}

async fn entries(stores: &Stores, manifest: &Manifest) -> Vec<Timestamp> {
    let due = stores.gc.due(Timestamp::MAX, None, 100).await.unwrap();
    let subject = GcSubject::Manifest(manifest.repository.clone(), manifest.digest);
    due.into_iter()
        .filter(|entry| entry.subject == subject)
        .map(|entry| entry.due)
        .collect()
}

/// Due as asked, beside that of the push.
pub async fn a_begun_deletion_is_in_the_gc_queue(stores: &Stores) {
    let manifest = make(stores).await;
    let pushed = entries(stores, &manifest).await;
    let now = stores.later();
    delete_if_untouched(stores, &manifest, now).await.unwrap();
    assert_eq!(
        entries(stores, &manifest).await,
        [pushed, vec![now]].concat()
    );
}

/// There is nothing to look at.
pub async fn a_refused_deletion_is_not_in_the_gc_queue(stores: &Stores) {
    let manifest = make(stores).await;
    let pushed = entries(stores, &manifest).await;
    let since = manifest.pushed_at;
    assert_fails!(
        delete_if_untouched(stores, &manifest, since).await,
        Conflict
    );
    let other = Manifest {
        nonce: fresh(),
        ..manifest.clone()
    };
    let now = stores.later();
    assert_fails!(delete_if_untouched(stores, &other, now).await, Conflict);
    assert_eq!(entries(stores, &manifest).await, pushed);
}

/// As it was when live.
pub async fn a_deleting_manifest_is_whole_for_who_ends_it(stores: &Stores) {
    let manifest = make(stores).await;
    let now = stores.later();
    delete_if_untouched(stores, &manifest, now).await.unwrap();
    assert_eq!(deleting(stores, &manifest).await, Some(manifest));
}

/// None that never was, is pending, live, restored or gone.
pub async fn only_a_deleting_manifest_is_told_to_who_ends_deletions(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    let manifests = &stores.manifests;
    assert_eq!(deleting(stores, &manifest).await, None);
    stores.begin(&manifest).await;
    assert_eq!(deleting(stores, &manifest).await, None);
    manifests
        .commit_manifest(&commit(&manifest, &[]))
        .await
        .unwrap();
    assert_eq!(deleting(stores, &manifest).await, None);
    for end in [DeleteEnd::Restored, DeleteEnd::Gone(vec![])] {
        let now = stores.later();
        delete_if_untouched(stores, &manifest, now).await.unwrap();
        manifests
            .end_delete(&repository, manifest.digest, manifest.nonce, &end)
            .await
            .unwrap();
        assert_eq!(deleting(stores, &manifest).await, None);
    }
}
