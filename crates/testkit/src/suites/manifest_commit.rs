//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): how manifests
//! become visible.

use berth_domain::{ArtifactId, Manifest, ManifestContent, ManifestFacts, ManifestState, Version};
use berth_oci::{Digest, RepositoryName};
use berth_ports::CommitManifest;
use bytes::Bytes;

use super::fixtures::{commit, digest, fresh, race, sorted_digests, tag, winners};
use super::manifests::{get, listed};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about commits.
    manifest_commit_suite in manifest_commit {
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
    }
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
    stores
        .assert_state(&manifest, Some((ManifestState::Live, manifest.nonce)))
        .await;
    assert_eq!(get(stores, &manifest).await, Some(manifest.clone()));
    assert_eq!(
        listed(stores, &repository).await,
        [manifest.with_content(())]
    );
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
    let manifest = stores
        .push(&repository, "manifest", &["latest", "1.0"])
        .await;
    for name in ["latest", "1.0"] {
        let found = stores
            .tags
            .tag(&repository, &tag(name))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.digest, manifest.digest);
        assert_eq!(found.media_type, manifest.media_type);
        assert_eq!(found.size, manifest.size);
        assert_eq!(
            (found.pushed_at, found.checked_at),
            (stores.now(), stores.now())
        );
        assert_eq!(found.version, Version::fresh(stores.now()));
    }
}

/// In one transaction.
pub async fn a_commit_sets_up_to_20_tags(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let names: Vec<_> = (10..30).map(|number| format!("v{number}")).collect();
    let tags: Vec<_> = names.iter().map(String::as_str).collect();
    let manifest = stores.push(&repository, "manifest", &tags).await;
    let found = stores
        .tags
        .tags_of(&repository, manifest.digest, None, 100)
        .await
        .unwrap();
    let found: Vec<_> = found.items.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(found, tags);
}

/// The tag is the new manifest's, and the old one's no more.
pub async fn a_commit_moves_tags_from_other_manifests(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = stores.push(&repository, "old", &["latest", "1.0"]).await;
    let moved = Version::fresh(stores.now()).next();
    stores.later();
    let new = stores.push(&repository, "new", &["latest"]).await;
    let latest = stores
        .tags
        .tag(&repository, &tag("latest"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((latest.digest, latest.version), (new.digest, moved));
    assert_eq!(latest.pushed_at, stores.now());
    for (manifest, expected) in [(&old, "1.0"), (&new, "latest")] {
        let of = stores
            .tags
            .tags_of(&repository, manifest.digest, None, 10)
            .await
            .unwrap();
        let names: Vec<_> = of.items.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(names, [expected]);
    }
}

/// The commit is refused with a `Conflict`.
pub(super) async fn assert_commit_conflicts(stores: &Stores, commit: &CommitManifest) {
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
    let other = Manifest {
        nonce: fresh(),
        ..manifest.clone()
    };
    assert_commit_conflicts(stores, &commit(&other, &[])).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
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
    let latest = stores
        .tags
        .tag(&repository, &tag("latest"))
        .await
        .unwrap()
        .unwrap();
    let first = Version::fresh(stores.now());
    assert_eq!((latest.digest, latest.version), (old.digest, first));
    assert_eq!(
        stores.tags.tag(&repository, &tag("1.0")).await.unwrap(),
        None
    );
}

/// All manifests are live then.
pub async fn commits_to_one_tag_at_once_leave_it_with_one_manifest(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let results = race(|runner| {
        let (stores, repository) = (stores.clone(), repository.clone());
        async move {
            stores
                .push(&repository, &runner.to_string(), &["latest"])
                .await
        }
    })
    .await;
    let latest = stores
        .tags
        .tag(&repository, &tag("latest"))
        .await
        .unwrap()
        .unwrap();
    for manifest in results {
        assert!(get(stores, &manifest).await.is_some());
        let of = stores
            .tags
            .tags_of(&repository, manifest.digest, None, 10)
            .await
            .unwrap();
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
    let commit = CommitManifest {
        session: Some((session.id, 1)),
        ..commit(&manifest, &[])
    };
    stores.manifests.commit_manifest(&commit).await.unwrap();
    assert!(stores.uploads.upload(session.id).await.unwrap().is_none());
    assert_eq!(get(stores, &manifest).await, Some(manifest));
}

/// The object is the claimer's.
pub async fn a_commit_with_a_claimed_session_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let session = stores.make_upload(&repository).await;
    stores
        .uploads
        .claim_upload(session.id, 1, stores.now())
        .await
        .unwrap();
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let commit = CommitManifest {
        session: Some((session.id, 1)),
        ..commit(&manifest, &["t"])
    };
    assert_commit_conflicts(stores, &commit).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
    assert!(stores.uploads.upload(session.id).await.unwrap().is_some());
    assert_eq!(stores.tags.tag(&repository, &tag("t")).await.unwrap(), None);
}

/// The object is trash by now.
pub async fn a_commit_with_a_gone_session_conflicts(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let manifest = stores.manifest(&repository, "manifest");
    stores.begin(&manifest).await;
    let commit = CommitManifest {
        session: Some((fresh(), 1)),
        ..commit(&manifest, &[])
    };
    assert_commit_conflicts(stores, &commit).await;
    stores
        .assert_state(&manifest, Some((ManifestState::Pending, manifest.nonce)))
        .await;
}
