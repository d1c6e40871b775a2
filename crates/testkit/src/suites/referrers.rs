//! Behaviours of [`ManifestStore`](berth_ports::ManifestStore): referrers.

use std::collections::BTreeMap;

use berth_domain::{MAX_REFERRER_ANNOTATION_BYTES, Manifest, Referrer};
use berth_oci::{Digest, RepositoryName};
use berth_ports::CommitManifest;

use super::fixtures::{commit, deletion, digest, walk};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `ManifestStore` about referrers.
    referrers_suite in referrers {
        a_manifest_refers_to_its_subject_before_that_exists,
        a_manifest_without_a_subject_refers_to_nothing,
        a_pending_manifest_does_not_refer,
        a_referrer_is_read_back_whole,
        a_referrer_has_up_to_64_kib_of_annotations,
        referrers_stay_in_their_repository,
        referrers_outlive_their_subject,
        referrers_are_filtered_by_artifact_type,
        referrers_are_listed_by_type_and_digest_in_pages,
        filtered_referrers_are_listed_in_pages,
        a_list_of_referrers_goes_on_behind_one_that_is_gone,
    }
}

const SBOM: &str = "application/vnd.example.sbom";
const SIGNATURE: &str = "application/vnd.example.signature";

fn referrer(manifest: &Manifest, artifact_type: Option<&str>) -> Referrer {
    Referrer {
        digest: manifest.digest,
        media_type: manifest.media_type.clone(),
        size: manifest.size,
        artifact_type: artifact_type.map(str::to_owned),
        annotations: Some(BTreeMap::new()),
    }
}

fn refer(manifest: &Manifest, referrer: Referrer) -> CommitManifest {
    CommitManifest {
        referrer: Some(referrer),
        ..commit(manifest, &[])
    }
}

/// Pushes a manifest that refers to `subject`.
async fn push(
    stores: &Stores,
    repository: &RepositoryName,
    text: &str,
    artifact_type: Option<&str>,
) -> Referrer {
    let mut manifest = stores.manifest(repository, text);
    manifest.facts.subject = Some(digest("subject"));
    manifest.facts.artifact_type = artifact_type.map(str::to_owned);
    let referrer = referrer(&manifest, artifact_type);
    stores.begin(&manifest).await;
    stores
        .manifests
        .commit_manifest(&refer(&manifest, referrer.clone()))
        .await
        .unwrap();
    referrer
}

async fn of(stores: &Stores, repository: &RepositoryName, subject: &str) -> Vec<Referrer> {
    let subject = digest(subject);
    stores
        .manifests
        .referrers(repository, subject, None, None, 100)
        .await
        .unwrap()
        .items
}

/// A signature may come before the image.
pub async fn a_manifest_refers_to_its_subject_before_that_exists(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let referrer = push(stores, &repository, "signature", Some(SIGNATURE)).await;
    let expected = [referrer];
    assert_eq!(of(stores, &repository, "subject").await, expected);
    assert_eq!(of(stores, &repository, "another").await, []);
    stores.push(&repository, "subject", &[]).await;
    assert_eq!(of(stores, &repository, "subject").await, expected);
}

/// The lists of others stay as they are.
pub async fn a_manifest_without_a_subject_refers_to_nothing(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    stores.push(&repository, "subject", &[]).await;
    stores.push(&repository, "other", &[]).await;
    assert_eq!(of(stores, &repository, "subject").await, []);
}

/// A referrer shows from its commit on.
pub async fn a_pending_manifest_does_not_refer(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let mut manifest = stores.manifest(&repository, "signature");
    manifest.facts.subject = Some(digest("subject"));
    stores.begin(&manifest).await;
    assert_eq!(of(stores, &repository, "subject").await, []);
    let refers = refer(&manifest, referrer(&manifest, None));
    stores.manifests.commit_manifest(&refers).await.unwrap();
    assert_eq!(of(stores, &repository, "subject").await.len(), 1);
}

/// No type, no annotations and empty ones are told apart.
pub async fn a_referrer_is_read_back_whole(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let some = BTreeMap::from([("org.example.key".to_owned(), "välue \"1\"".to_owned())]);
    let mut expected = Vec::new();
    for annotations in [None, Some(BTreeMap::new()), Some(some)] {
        let mut manifest = stores.manifest(&repository, &format!("{annotations:?}"));
        manifest.facts.subject = Some(digest("subject"));
        let referrer = Referrer {
            annotations,
            ..referrer(&manifest, None)
        };
        stores.begin(&manifest).await;
        stores
            .manifests
            .commit_manifest(&refer(&manifest, referrer.clone()))
            .await
            .unwrap();
        expected.push(referrer);
    }
    expected.sort_by_key(|referrer| referrer.digest);
    assert_eq!(of(stores, &repository, "subject").await, expected);
}

/// The most that a list repeats.
pub async fn a_referrer_has_up_to_64_kib_of_annotations(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let mut manifest = stores.manifest(&repository, "sbom");
    manifest.facts.subject = Some(digest("subject"));
    let value = "v".repeat(MAX_REFERRER_ANNOTATION_BYTES - 1);
    let annotations = Some(BTreeMap::from([("k".to_owned(), value)]));
    let referrer = Referrer {
        annotations,
        ..referrer(&manifest, Some(SBOM))
    };
    stores.begin(&manifest).await;
    stores
        .manifests
        .commit_manifest(&refer(&manifest, referrer.clone()))
        .await
        .unwrap();
    assert_eq!(of(stores, &repository, "subject").await, [referrer]);
}

/// The same subject elsewhere has others.
pub async fn referrers_stay_in_their_repository(stores: &Stores) {
    let one = stores.make_repository("a/b").await;
    let other = stores.make_repository("a/b/c").await;
    push(stores, &one, "signature", Some(SIGNATURE)).await;
    assert_eq!(of(stores, &other, "subject").await, []);
}

/// They are manifests of their own.
pub async fn referrers_outlive_their_subject(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let subject = stores.push(&repository, "subject", &[]).await;
    let referrer = push(stores, &repository, "signature", Some(SIGNATURE)).await;
    let (digest, nonce) = (subject.digest, subject.nonce);
    stores
        .manifests
        .begin_delete(&repository, digest, nonce, &deletion())
        .await
        .unwrap();
    let gone = berth_ports::DeleteEnd::Gone(vec![]);
    stores
        .manifests
        .end_delete(&repository, digest, nonce, &gone)
        .await
        .unwrap();
    assert_eq!(of(stores, &repository, "subject").await, [referrer]);
}

/// Types are compared whole.
pub async fn referrers_are_filtered_by_artifact_type(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let sbom = push(stores, &repository, "sbom", Some(SBOM)).await;
    push(stores, &repository, "signature", Some(SIGNATURE)).await;
    push(stores, &repository, "longer", Some(&format!("{SBOM}.v2"))).await;
    push(stores, &repository, "untyped", None).await;
    let filtered = |artifact_type: &'static str| {
        let repository = &repository;
        async move {
            stores
                .manifests
                .referrers(repository, digest("subject"), Some(artifact_type), None, 10)
                .await
                .unwrap()
        }
    };
    let page = filtered(SBOM).await;
    assert_eq!((page.items, page.more), (vec![sbom], false));
    assert_eq!(filtered("application/vnd.example").await.items, []);
}

/// Two of each type and two without one, in order.
async fn push_six(stores: &Stores, repository: &RepositoryName) -> Vec<Referrer> {
    let mut expected = Vec::new();
    for artifact_type in [Some(SIGNATURE), None, Some(SBOM)] {
        for number in 0..2 {
            let text = format!("{artifact_type:?} {number}");
            expected.push(push(stores, repository, &text, artifact_type).await);
        }
    }
    expected.sort_by_key(cursor);
    expected
}

fn cursor(referrer: &Referrer) -> (String, Digest) {
    (
        referrer.artifact_type.clone().unwrap_or_default(),
        referrer.digest,
    )
}

async fn walk_all(
    stores: &Stores,
    repository: &RepositoryName,
    artifact_type: Option<&str>,
    limit: usize,
) -> Vec<Referrer> {
    let page = |after: Option<(String, Digest)>, limit| async move {
        let after = after
            .as_ref()
            .map(|(artifact_type, digest)| (artifact_type.as_str(), *digest));
        let subject = digest("subject");
        stores
            .manifests
            .referrers(repository, subject, artifact_type, after, limit)
            .await
    };
    walk(limit, page, cursor).await
}

/// Those without a type come first; their cursor has an empty one.
pub async fn referrers_are_listed_by_type_and_digest_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let expected = push_six(stores, &repository).await;
    for limit in [1, 2, 3, 6, 100] {
        let found = walk_all(stores, &repository, None, limit).await;
        assert_eq!(found, expected, "limit {limit}");
    }
}

/// `more` counts the filtered ones.
pub async fn filtered_referrers_are_listed_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let expected = push_six(stores, &repository).await;
    for limit in [1, 2, 3] {
        let found = walk_all(stores, &repository, Some(SBOM), limit).await;
        assert_eq!(found, expected[2..4], "limit {limit}");
    }
}

/// A cursor is a place, not an item.
pub async fn a_list_of_referrers_goes_on_behind_one_that_is_gone(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let expected = push_six(stores, &repository).await;
    let gone = expected[2].clone();
    let subject = digest("subject");
    let state = stores
        .manifests
        .manifest_state(&repository, gone.digest)
        .await
        .unwrap();
    let (_, nonce) = state.unwrap();
    stores
        .manifests
        .begin_delete(&repository, gone.digest, nonce, &deletion())
        .await
        .unwrap();
    let after = Some((SBOM, gone.digest));
    let page = stores
        .manifests
        .referrers(&repository, subject, None, after, 2)
        .await
        .unwrap();
    assert_eq!((page.items, page.more), (expected[3..5].to_vec(), true));
}
