//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): how manifests
//! become visible.

use berth_domain::{
    ArtifactId, Begun, EdgeTarget, Manifest, ManifestContent, ManifestFacts, ManifestState, Nonce,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{CommitManifest, GcEntry, GcSubject};
use bytes::Bytes;

use super::fixtures::{commit, digest, fresh, job, race, sorted_digests, tag, walk, winners};
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
        a_committed_manifest_is_live_and_read_back_whole,
        a_manifest_of_nothing_but_names_is_read_back_whole,
        a_commit_sets_all_its_tags,
        a_commit_sets_up_to_20_tags,
        a_commit_moves_tags_from_other_manifests,
        a_commit_without_a_beginning_conflicts,
        a_commit_under_another_nonce_conflicts,
        a_repeated_commit_conflicts_and_the_manifest_has_its_nonce,
        one_of_two_pushers_who_joined_commits,
        a_refused_commit_changes_no_tag,
        commits_to_one_tag_at_once_leave_it_with_one_manifest,
        a_commit_ends_its_session,
        a_commit_with_a_claimed_session_conflicts,
        a_commit_with_a_gone_session_conflicts,
        an_aborted_manifest_is_gone_and_its_jobs_are_in_the_outbox,
        an_abort_under_another_nonce_conflicts,
        an_abort_of_a_live_manifest_conflicts,
        a_commit_after_an_abort_conflicts,
        either_a_commit_or_an_abort_succeeds,
        manifests_are_listed_by_digest_in_pages,
        only_live_manifests_are_listed,
        a_list_of_manifests_goes_on_behind_one_that_is_gone,
    }
}

async fn get(stores: &Stores, manifest: &Manifest) -> Option<Manifest> {
    stores.manifests.manifest(&manifest.repository, manifest.digest).await.unwrap()
}

async fn begin(stores: &Stores, manifest: &Manifest, nonce: Nonce) -> Begun {
    let Manifest { repository, digest, .. } = manifest;
    stores.manifests.begin_manifest(repository, *digest, nonce, stores.now()).await.unwrap()
}

async fn listed(stores: &Stores, repository: &RepositoryName) -> Vec<Manifest> {
    stores.manifests.list_manifests(repository, None, 1000).await.unwrap().items
}

/// It has a state, but nobody sees it.
pub async fn a_begun_manifest_is_pending_and_not_seen(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.assert_state(&manifest, None).await;
    stores.begin(&manifest).await;
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
    assert_eq!(get(stores, &manifest).await, None);
    assert_eq!(listed(stores, &repository).await, []);
}

/// So that a push that was given up is found.
pub async fn a_begun_manifest_is_in_the_gc_queue(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let due = stores.gc.due(stores.now(), None, 10).await.unwrap();
    let subject = GcSubject::Target(repository, EdgeTarget::Manifest(manifest.digest));
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
    assert_eq!(begin(stores, &manifest, fresh()).await, Begun::Joined(manifest.nonce));
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
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
    let started: Vec<_> =
        results.iter().filter(|(_, begun)| *begun == Begun::Started).collect();
    assert_eq!(started.len(), 1);
    let winner = started[0].0;
    for (_, begun) in results.iter().filter(|(nonce, _)| *nonce != winner) {
        assert_eq!(*begun, Begun::Joined(winner));
    }
    stores.assert_state(&manifest, Some((ManifestState::Pending, winner))).await;
}

/// A second push of a manifest has only tags to set.
pub async fn beginning_a_live_manifest_returns_it(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    let begun = begin(stores, &manifest, fresh()).await;
    assert_eq!(begun, Begun::Live(Box::new(manifest.clone())));
    stores.assert_state(&manifest, Some((ManifestState::Live, manifest.nonce))).await;
}

/// Repositories share no manifests.
pub async fn the_same_digest_in_another_repository_is_another_manifest(stores: &Stores) {
    let one = stores.make_repository("a/one").await;
    let other = stores.make_repository("a/other").await;
    let manifest = stores.push(&one, "manifest", &[]).await;
    let elsewhere = stores.manifest(&other, "manifest");
    assert_eq!(get(stores, &elsewhere).await, None);
    stores.begin(&elsewhere).await;
    stores.assert_state(&manifest, Some((ManifestState::Live, manifest.nonce))).await;
    assert_eq!(listed(stores, &other).await, []);
}

fn full_manifest(stores: &Stores, repository: &RepositoryName) -> Manifest {
    Manifest {
        repository: repository.clone(),
        digest: Digest::of(berth_oci::Algorithm::Sha512, b"manifest"),
        nonce: fresh(),
        id: ArtifactId(i64::MAX),
        media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
        size: 4 * 1024 * 1024,
        content: ManifestContent::Object(fresh()),
        facts: ManifestFacts {
            artifact_type: Some("application/vnd.example".to_owned()),
            config_media_type: Some("application/vnd.oci.empty.v1+json".to_owned()),
            subject: Some(digest("subject")),
            children: sorted_digests(100),
            total_size: 1 << 40,
        },
        pushed_at: stores.now(),
    }
}

/// By digest and in the list.
pub async fn a_committed_manifest_is_live_and_read_back_whole(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = full_manifest(stores, &repository);
    stores.push_manifest(&manifest, &[]).await;
    stores.assert_state(&manifest, Some((ManifestState::Live, manifest.nonce))).await;
    assert_eq!(get(stores, &manifest).await, Some(manifest.clone()));
    assert_eq!(listed(stores, &repository).await, [manifest]);
}

/// Bytes in the record, 8 KiB of every value; facts empty.
pub async fn a_manifest_of_nothing_but_names_is_read_back_whole(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let bytes: Bytes = (0..=u8::MAX).cycle().take(8 * 1024).collect();
    let manifest = Manifest {
        content: ManifestContent::Inline(bytes),
        facts: ManifestFacts::default(),
        ..full_manifest(stores, &repository)
    };
    stores.push_manifest(&manifest, &[]).await;
    assert_eq!(get(stores, &manifest).await, Some(manifest));
}

/// Each has the manifest's digest, type and size, and its time.
pub async fn a_commit_sets_all_its_tags(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &["latest", "1.0"]).await;
    for name in ["latest", "1.0"] {
        let found = stores.tags.tag(&repository, &tag(name)).await.unwrap().unwrap();
        assert_eq!(found.digest, manifest.digest);
        assert_eq!(found.media_type, manifest.media_type);
        assert_eq!(found.size, manifest.size);
        assert_eq!((found.pushed_at, found.checked_at), (stores.now(), stores.now()));
        assert_eq!(found.version.0, 1);
    }
}

/// In one transaction.
pub async fn a_commit_sets_up_to_20_tags(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let names: Vec<_> = (10..30).map(|number| format!("v{number}")).collect();
    let tags: Vec<_> = names.iter().map(String::as_str).collect();
    let manifest = stores.push(&repository, "manifest", &tags).await;
    let found = stores.tags.tags_of(&repository, manifest.digest, None, 100).await.unwrap();
    let found: Vec<_> = found.items.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(found, tags);
}

/// The tag is the new manifest's, and the old one's no more.
pub async fn a_commit_moves_tags_from_other_manifests(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = stores.push(&repository, "old", &["latest", "1.0"]).await;
    stores.later();
    let new = stores.push(&repository, "new", &["latest"]).await;
    let latest = stores.tags.tag(&repository, &tag("latest")).await.unwrap().unwrap();
    assert_eq!((latest.digest, latest.version.0), (new.digest, 2));
    assert_eq!(latest.pushed_at, stores.now());
    for (manifest, expected) in [(&old, "1.0"), (&new, "latest")] {
        let of = stores.tags.tags_of(&repository, manifest.digest, None, 10).await.unwrap();
        let names: Vec<_> = of.items.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(names, [expected]);
    }
}

async fn assert_commit_conflicts(stores: &Stores, commit: &CommitManifest) {
    assert_fails!(stores.manifests.commit_manifest(commit).await, Conflict);
}

/// No manifest comes into being by a commit alone.
pub async fn a_commit_without_a_beginning_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    assert_commit_conflicts(stores, &commit(&manifest, &[])).await;
    stores.assert_state(&manifest, None).await;
}

/// Who has another nonce has written other edges.
pub async fn a_commit_under_another_nonce_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let other = Manifest { nonce: fresh(), ..manifest.clone() };
    assert_commit_conflicts(stores, &commit(&other, &[])).await;
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
}

/// That is how a caller sees that an answer was lost.
pub async fn a_repeated_commit_conflicts_and_the_manifest_has_its_nonce(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.push(&repository, "manifest", &[]).await;
    assert_commit_conflicts(stores, &commit(&manifest, &[])).await;
    assert_eq!(get(stores, &manifest).await.unwrap().nonce, manifest.nonce);
}

/// The other finds the manifest live under the nonce they shared.
pub async fn one_of_two_pushers_who_joined_commits(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let results = race(|_| {
        let (stores, commit) = (stores.clone(), commit(&manifest, &[]));
        async move { stores.manifests.commit_manifest(&commit).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
    assert_eq!(get(stores, &manifest).await, Some(manifest));
}

/// A transaction has all of its effects or none.
pub async fn a_refused_commit_changes_no_tag(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = stores.push(&repository, "old", &["latest"]).await;
    let new = stores.manifest(&repository, "new");
    assert_commit_conflicts(stores, &commit(&new, &["latest", "1.0"])).await;
    let latest = stores.tags.tag(&repository, &tag("latest")).await.unwrap().unwrap();
    assert_eq!((latest.digest, latest.version.0), (old.digest, 1));
    assert_eq!(stores.tags.tag(&repository, &tag("1.0")).await.unwrap(), None);
}

/// All manifests are live then.
pub async fn commits_to_one_tag_at_once_leave_it_with_one_manifest(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let results = race(|runner| {
        let (stores, repository) = (stores.clone(), repository.clone());
        async move { stores.push(&repository, &runner.to_string(), &["latest"]).await }
    })
    .await;
    let latest = stores.tags.tag(&repository, &tag("latest")).await.unwrap().unwrap();
    for manifest in results {
        assert!(get(stores, &manifest).await.is_some());
        let of = stores.tags.tags_of(&repository, manifest.digest, None, 10).await.unwrap();
        let has_it = !of.items.is_empty();
        assert_eq!(has_it, manifest.digest == latest.digest);
    }
}

/// The object is the manifest's then.
pub async fn a_commit_ends_its_session(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let session = stores.make_upload(&repository).await;
    let manifest = Manifest {
        content: ManifestContent::Object(session.key),
        ..stores.manifest(&repository, "manifest")
    };
    stores.begin(&manifest).await;
    let commit = CommitManifest { session: Some((session.id, 1)), ..commit(&manifest, &[]) };
    stores.manifests.commit_manifest(&commit).await.unwrap();
    assert!(stores.uploads.upload(session.id).await.unwrap().is_none());
    assert_eq!(get(stores, &manifest).await, Some(manifest));
}

/// The object is the claimer's.
pub async fn a_commit_with_a_claimed_session_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let session = stores.make_upload(&repository).await;
    stores.uploads.claim_upload(session.id, 1, stores.now()).await.unwrap();
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let commit = CommitManifest { session: Some((session.id, 1)), ..commit(&manifest, &["t"]) };
    assert_commit_conflicts(stores, &commit).await;
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
    assert!(stores.uploads.upload(session.id).await.unwrap().is_some());
    assert_eq!(stores.tags.tag(&repository, &tag("t")).await.unwrap(), None);
}

/// The object is trash by now.
pub async fn a_commit_with_a_gone_session_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let commit = CommitManifest { session: Some((fresh(), 1)), ..commit(&manifest, &[]) };
    assert_commit_conflicts(stores, &commit).await;
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
}

/// And the next push starts anew.
pub async fn an_aborted_manifest_is_gone_and_its_jobs_are_in_the_outbox(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let jobs = [job(), job()];
    let Manifest { digest, nonce, .. } = manifest;
    stores.manifests.abort_manifest(&repository, digest, nonce, &jobs).await.unwrap();
    stores.assert_state(&manifest, None).await;
    let mut unsent = stores.unsent().await;
    unsent.sort_by_key(|envelope| envelope.id);
    assert_eq!(unsent, jobs);
    assert_eq!(begin(stores, &manifest, fresh()).await, Begun::Started);
}

async fn assert_abort_conflicts(stores: &Stores, manifest: &Manifest, nonce: Nonce) {
    let Manifest { repository, digest, .. } = manifest;
    let aborted = stores.manifests.abort_manifest(repository, *digest, nonce, &[job()]).await;
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
    stores.assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce))).await;
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
    stores.manifests.abort_manifest(&repository, digest, nonce, &[]).await.unwrap();
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
                let Manifest { repository, digest, nonce, .. } = &commit.manifest;
                if runner % 2 == 0 {
                    return stores.manifests.commit_manifest(&commit).await;
                }
                stores.manifests.abort_manifest(repository, *digest, *nonce, &[]).await
            }
        })
        .await;
        assert_eq!(winners(&results), 1);
        let committed = results.iter().step_by(2).any(Result::is_ok);
        assert_eq!(get(stores, &manifest).await.is_some(), committed);
    }
}

/// sha256 before sha512, whatever the page size.
pub async fn manifests_are_listed_by_digest_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    let wide = full_manifest(stores, &repository);
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
            stores.manifests.list_manifests(repository, after, limit).await
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
                stores.manifests.begin_delete(&repository, digest, nonce).await.unwrap();
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
            stores.manifests.list_manifests(repository, after, limit).await
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
        let text = (0..3).map(|text| text.to_string()).find(|text| digest(text) == expected);
        stores.push(&repository, &text.unwrap(), &[]).await;
    }
    let gone = sorted_digests(3)[1];
    let page = stores.manifests.list_manifests(&repository, Some(gone), 10).await.unwrap();
    let digests: Vec<_> = page.items.iter().map(|manifest| manifest.digest).collect();
    assert_eq!(digests, sorted_digests(3)[2..]);
}
