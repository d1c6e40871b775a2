//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): how manifests
//! go.

use berth_domain::{Begun, Manifest, ManifestState, Nonce, Referrer};
use berth_ports::{CommitManifest, DeleteEnd, StoreResult};

use super::fixtures::{commit, deletion, digest, fresh, job, race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about deletions.
    manifest_deletion_suite in manifest_deletion {
        a_deleting_manifest_is_not_seen,
        a_deleting_manifest_cannot_be_begun_or_committed,
        a_deletion_of_a_manifest_that_is_not_live_conflicts,
        a_deletion_under_another_nonce_conflicts,
        one_of_many_deletions_wins,
        an_ended_deletion_leaves_nothing_but_its_jobs,
        a_deleted_manifest_can_be_pushed_again,
        a_restored_manifest_is_live_as_before,
        an_end_without_a_beginning_conflicts,
        an_end_under_another_nonce_conflicts,
        a_late_end_does_not_touch_the_manifest_of_a_new_push,
        either_the_end_or_the_restoration_succeeds,
    }
}

async fn begin_delete(stores: &Stores, manifest: &Manifest, nonce: Nonce) -> StoreResult<()> {
    let Manifest {
        repository, digest, ..
    } = manifest;
    stores
        .manifests
        .begin_delete(repository, *digest, nonce, &deletion())
        .await
}

async fn end_delete(
    stores: &Stores,
    manifest: &Manifest,
    nonce: Nonce,
    end: &DeleteEnd,
) -> StoreResult<()> {
    let Manifest {
        repository, digest, ..
    } = manifest;
    stores
        .manifests
        .end_delete(repository, *digest, nonce, end)
        .await
}

/// Pushes a manifest that refers to another and is tagged.
async fn push_referrer(stores: &Stores) -> (Manifest, Referrer) {
    let repository = stores.make_repository("a/b").await;
    let mut manifest = stores.manifest(&repository, "manifest");
    manifest.facts.subject = Some(digest("subject"));
    let referrer = Referrer {
        digest: manifest.digest,
        media_type: manifest.media_type.clone(),
        size: manifest.size,
        artifact_type: Some("application/vnd.example".to_owned()),
        annotations: None,
    };
    stores.begin(&manifest).await;
    let commit = CommitManifest {
        referrer: Some(referrer.clone()),
        ..commit(&manifest, &["latest"])
    };
    stores.manifests.commit_manifest(&commit).await.unwrap();
    (manifest, referrer)
}

async fn seen(stores: &Stores, manifest: &Manifest) -> (Option<Manifest>, usize, Vec<Referrer>) {
    let Manifest {
        repository,
        digest: own,
        ..
    } = manifest;
    let manifests = &stores.manifests;
    let subject = digest("subject");
    (
        manifests.manifest(repository, *own).await.unwrap(),
        manifests
            .list_manifests(repository, None, 10)
            .await
            .unwrap()
            .items
            .len(),
        manifests
            .referrers(repository, subject, None, None, 10)
            .await
            .unwrap()
            .items,
    )
}

/// Neither by digest nor in the lists; it still has its state.
pub async fn a_deleting_manifest_is_not_seen(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    assert_eq!(seen(stores, &manifest).await, (None, 0, vec![]));
    stores
        .assert_state(&manifest, Some((ManifestState::Deleting, manifest.nonce)))
        .await;
}

/// A push waits until the deletion has ended.
pub async fn a_deleting_manifest_cannot_be_begun_or_committed(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    let Manifest {
        repository, digest, ..
    } = &manifest;
    let begun = stores
        .manifests
        .begin_manifest(repository, *digest, fresh(), stores.now())
        .await
        .unwrap();
    assert_eq!(begun, Begun::Deleting);
    assert_fails!(
        stores
            .manifests
            .commit_manifest(&commit(&manifest, &[]))
            .await,
        Conflict
    );
    let nonce = manifest.nonce;
    let aborted = stores
        .manifests
        .abort_manifest(repository, *digest, nonce, &[])
        .await;
    assert_fails!(aborted, Conflict);
    stores
        .assert_state(&manifest, Some((ManifestState::Deleting, nonce)))
        .await;
}

/// One that never was, a pending one, a deleting one.
pub async fn a_deletion_of_a_manifest_that_is_not_live_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    assert_fails!(
        begin_delete(stores, &manifest, manifest.nonce).await,
        Conflict
    );
    stores.begin(&manifest).await;
    assert_fails!(
        begin_delete(stores, &manifest, manifest.nonce).await,
        Conflict
    );
    stores
        .manifests
        .commit_manifest(&commit(&manifest, &[]))
        .await
        .unwrap();
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    assert_fails!(
        begin_delete(stores, &manifest, manifest.nonce).await,
        Conflict
    );
}

/// What was pushed anew stays.
pub async fn a_deletion_under_another_nonce_conflicts(stores: &Stores) {
    let (manifest, referrer) = push_referrer(stores).await;
    assert_fails!(begin_delete(stores, &manifest, fresh()).await, Conflict);
    assert_eq!(
        seen(stores, &manifest).await,
        (Some(manifest), 1, vec![referrer])
    );
}

/// The others are told.
pub async fn one_of_many_deletions_wins(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    let results = race(|_| {
        let (stores, manifest) = (stores.clone(), manifest.clone());
        async move { begin_delete(&stores, &manifest, manifest.nonce).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
}

/// No state, no place in a list; the jobs wait to be sent.
pub async fn an_ended_deletion_leaves_nothing_but_its_jobs(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    let cause = job();
    let end = DeleteEnd::Gone(vec![cause.clone()]);
    end_delete(stores, &manifest, manifest.nonce, &end)
        .await
        .unwrap();
    stores.assert_state(&manifest, None).await;
    assert_eq!(seen(stores, &manifest).await, (None, 0, vec![]));
    assert_eq!(stores.unsent().await, [cause]);
}

/// It is another life under another nonce.
pub async fn a_deleted_manifest_can_be_pushed_again(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    end_delete(stores, &manifest, manifest.nonce, &DeleteEnd::Gone(vec![]))
        .await
        .unwrap();
    let again = stores.push(&manifest.repository, "manifest", &[]).await;
    assert_eq!(again.digest, manifest.digest);
    assert_eq!(seen(stores, &again).await, (Some(again), 1, vec![]));
}

/// With its tags and its place in all lists; no job is sent.
pub async fn a_restored_manifest_is_live_as_before(stores: &Stores) {
    let (manifest, referrer) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    end_delete(stores, &manifest, manifest.nonce, &DeleteEnd::Restored)
        .await
        .unwrap();
    stores
        .assert_state(&manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
    let Manifest {
        repository, digest, ..
    } = manifest.clone();
    assert_eq!(
        seen(stores, &manifest).await,
        (Some(manifest), 1, vec![referrer])
    );
    let tags = stores
        .tags
        .tags_of(&repository, digest, None, 10)
        .await
        .unwrap();
    assert_eq!(tags.items.len(), 1);
    assert_eq!(stores.unsent().await, []);
}

async fn assert_no_end(stores: &Stores, manifest: &Manifest, nonce: Nonce) {
    for end in [DeleteEnd::Gone(vec![job()]), DeleteEnd::Restored] {
        assert_fails!(end_delete(stores, manifest, nonce, &end).await, Conflict);
    }
    assert_eq!(stores.unsent().await, []);
}

/// Of one that never was, a pending one, a live one.
pub async fn an_end_without_a_beginning_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    assert_no_end(stores, &manifest, manifest.nonce).await;
    stores.begin(&manifest).await;
    assert_no_end(stores, &manifest, manifest.nonce).await;
    stores
        .manifests
        .commit_manifest(&commit(&manifest, &[]))
        .await
        .unwrap();
    assert_no_end(stores, &manifest, manifest.nonce).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
}

/// Who has another nonce has begun another deletion.
pub async fn an_end_under_another_nonce_conflicts(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    assert_no_end(stores, &manifest, fresh()).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Deleting, manifest.nonce)))
        .await;
}

/// The nonce tells the lives of a manifest apart.
pub async fn a_late_end_does_not_touch_the_manifest_of_a_new_push(stores: &Stores) {
    let (old, _) = push_referrer(stores).await;
    begin_delete(stores, &old, old.nonce).await.unwrap();
    end_delete(stores, &old, old.nonce, &DeleteEnd::Gone(vec![]))
        .await
        .unwrap();
    let new = stores.push(&old.repository, "manifest", &[]).await;
    begin_delete(stores, &new, new.nonce).await.unwrap();
    assert_no_end(stores, &new, old.nonce).await;
    stores
        .assert_state(&new, Some((ManifestState::Deleting, new.nonce)))
        .await;
}

/// Never both, never neither.
pub async fn either_the_end_or_the_restoration_succeeds(stores: &Stores) {
    let (manifest, _) = push_referrer(stores).await;
    begin_delete(stores, &manifest, manifest.nonce)
        .await
        .unwrap();
    let results = race(|runner| {
        let (stores, manifest) = (stores.clone(), manifest.clone());
        async move {
            let gone = DeleteEnd::Gone(vec![]);
            let end = if runner % 2 == 0 {
                DeleteEnd::Restored
            } else {
                gone
            };
            end_delete(&stores, &manifest, manifest.nonce, &end).await
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let restored = results.iter().step_by(2).any(Result::is_ok);
    assert_eq!(seen(stores, &manifest).await.0.is_some(), restored);
}
