//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): pushes that begin
//! and are given up.

use berth_domain::{Begun, ListedManifest, Manifest, ManifestState, Nonce};
use berth_oci::RepositoryName;
use berth_ports::{GcEntry, GcSubject};

use super::fixtures::{commit, fresh, job, race, winners};
use super::manifest_commit::assert_commit_conflicts;
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about pushes.
    manifests_suite in manifests {
        a_begun_manifest_is_pending_and_not_seen,
        a_begun_manifest_is_in_the_gc_queue,
        a_second_beginner_joins_the_first_ones_nonce,
        one_of_many_beginners_starts_and_the_others_join,
        beginning_a_live_manifest_returns_it,
        the_same_digest_in_another_repository_is_another_manifest,
        an_aborted_manifest_is_gone_and_its_jobs_are_in_the_outbox,
        an_abort_under_another_nonce_conflicts,
        an_abort_of_a_live_manifest_conflicts,
        a_commit_after_an_abort_conflicts,
        either_a_commit_or_an_abort_succeeds,
    }
}

/// The manifest, if it is live.
pub(super) async fn get(stores: &Stores, manifest: &Manifest) -> Option<Manifest> {
    stores
        .manifests
        .manifest(&manifest.repository, manifest.digest)
        .await
        .unwrap()
}

/// All live manifests, without their bytes.
pub(super) async fn listed(stores: &Stores, repository: &RepositoryName) -> Vec<ListedManifest> {
    stores
        .manifests
        .list_manifests(repository, None, 1000)
        .await
        .unwrap()
        .items
}

async fn begin(stores: &Stores, manifest: &Manifest, nonce: Nonce) -> Begun {
    let Manifest {
        repository, digest, ..
    } = manifest;
    stores
        .manifests
        .begin_manifest(repository, *digest, nonce, stores.now())
        .await
        .unwrap()
}

/// It has a state, but nobody sees it.
pub async fn a_begun_manifest_is_pending_and_not_seen(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.assert_state(&manifest, None).await;
    stores.begin(&manifest).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
    assert_eq!(get(stores, &manifest).await, None);
    assert_eq!(listed(stores, &repository).await, []);
}

/// So that a push that was given up is found.
pub async fn a_begun_manifest_is_in_the_gc_queue(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let due = stores.gc.due(stores.now(), None, 10).await.unwrap();
    let subject = GcSubject::Manifest(repository, manifest.digest);
    assert!(
        matches!(&due[..], [GcEntry { due, subject: found, .. }]
            if *due == stores.now() && *found == subject),
        "{due:?}"
    );
}

/// The first one's nonce stays the manifest's.
pub async fn a_second_beginner_joins_the_first_ones_nonce(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    assert_eq!(
        begin(stores, &manifest, fresh()).await,
        Begun::Joined(manifest.nonce)
    );
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
}

/// All work under the winner's nonce.
pub async fn one_of_many_beginners_starts_and_the_others_join(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    let results = race(|_| {
        let (stores, manifest, nonce) = (stores.clone(), manifest.clone(), fresh::<Nonce>());
        async move { (nonce, begin(&stores, &manifest, nonce).await) }
    })
    .await;
    let started: Vec<_> = results
        .iter()
        .filter(|(_, begun)| *begun == Begun::Started)
        .collect();
    assert_eq!(started.len(), 1);
    let winner = started[0].0;
    for (_, begun) in results.iter().filter(|(nonce, _)| *nonce != winner) {
        assert_eq!(*begun, Begun::Joined(winner));
    }
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, winner)))
        .await;
}

/// A second push of a manifest has only tags to set.
pub async fn beginning_a_live_manifest_returns_it(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    let begun = begin(stores, &manifest, fresh()).await;
    assert_eq!(begun, Begun::Live(Box::new(manifest.clone())));
    stores
        .assert_state(&manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
}

/// Repositories share no manifests.
pub async fn the_same_digest_in_another_repository_is_another_manifest(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let manifest = stores.push(&one, "manifest", &[]).await;
    let elsewhere = stores.manifest(&other, "manifest");
    assert_eq!(get(stores, &elsewhere).await, None);
    stores.begin(&elsewhere).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
    assert_eq!(listed(stores, &other).await, []);
}

/// And the next push starts anew.
pub async fn an_aborted_manifest_is_gone_and_its_jobs_are_in_the_outbox(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let jobs = [job(), job()];
    let Manifest { digest, nonce, .. } = manifest;
    stores
        .manifests
        .abort_manifest(&repository, digest, nonce, &jobs)
        .await
        .unwrap();
    stores.assert_state(&manifest, None).await;
    let mut unsent = stores.unsent().await;
    unsent.sort_by_key(|envelope| envelope.id);
    assert_eq!(unsent, jobs);
    assert_eq!(begin(stores, &manifest, fresh()).await, Begun::Started);
}

async fn assert_abort_conflicts(stores: &Stores, manifest: &Manifest, nonce: Nonce) {
    let Manifest {
        repository, digest, ..
    } = manifest;
    let aborted = stores
        .manifests
        .abort_manifest(repository, *digest, nonce, &[job()])
        .await;
    assert_fails!(aborted, Conflict);
    assert_eq!(stores.unsent().await, []);
}

/// Somebody else's try goes on; and one that is gone has none.
pub async fn an_abort_under_another_nonce_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    assert_abort_conflicts(stores, &manifest, manifest.nonce).await;
    stores.begin(&manifest).await;
    assert_abort_conflicts(stores, &manifest, fresh()).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
}

/// What was committed stays.
pub async fn an_abort_of_a_live_manifest_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    assert_abort_conflicts(stores, &manifest, manifest.nonce).await;
    assert!(get(stores, &manifest).await.is_some());
}

/// Even if another try is under way by then.
pub async fn a_commit_after_an_abort_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let Manifest { digest, nonce, .. } = manifest;
    stores
        .manifests
        .abort_manifest(&repository, digest, nonce, &[])
        .await
        .unwrap();
    assert_commit_conflicts(stores, &commit(&manifest, &[])).await;
    assert_eq!(begin(stores, &manifest, fresh()).await, Begun::Started);
    assert_commit_conflicts(stores, &commit(&manifest, &[])).await;
    assert_eq!(get(stores, &manifest).await, None);
}

/// Never both, never neither.
pub async fn either_a_commit_or_an_abort_succeeds(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for round in 0..4 {
        let manifest = stores.manifest(&repository, &round.to_string());
        stores.begin(&manifest).await;
        let results = race(|runner| {
            let (stores, commit) = (stores.clone(), commit(&manifest, &[]));
            async move {
                let Manifest {
                    repository,
                    digest,
                    nonce,
                    ..
                } = &commit.manifest;
                if runner % 2 == 0 {
                    return stores.manifests.commit_manifest(&commit).await;
                }
                stores
                    .manifests
                    .abort_manifest(repository, *digest, *nonce, &[])
                    .await
            }
        })
        .await;
        assert_eq!(winners(&results), 1);
        let committed = results.iter().step_by(2).any(Result::is_ok);
        assert_eq!(get(stores, &manifest).await.is_some(), committed);
    }
}
