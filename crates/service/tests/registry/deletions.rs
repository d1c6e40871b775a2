//! Deletions that are left half done, or overtaken.

use berth_domain::{ManifestContent, ManifestState};
use berth_ports::StoreError;
use berth_service::Error;
use berth_testkit::image::{Format, Image, Index};

use crate::{Moment, NAME, Registry, drop_after, name};

#[tokio::test]
async fn a_deletion_that_a_crash_left_half_done_is_completed_by_a_repeat() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    registry.push(&target, &image, &["one", "two"]).await;
    registry.half_delete(NAME, image.digest()).await;
    registry
        .service
        .delete_manifest(&target.repository, image.digest())
        .await
        .unwrap();
    assert_eq!(registry.state(NAME, image.digest()).await, None);
    for tag in ["one", "two"] {
        assert_eq!(registry.tagged(NAME, tag).await, None);
    }
    let again = registry
        .service
        .delete_manifest(&target.repository, image.digest())
        .await;
    assert!(matches!(again, Err(Error::ManifestUnknown(_))), "{again:?}");
}

#[tokio::test]
async fn a_deletion_whose_client_goes_away_at_any_moment_goes_to_its_end() {
    for polls in 1..4 {
        let registry = Registry::start().await;
        let target = registry.target(NAME).await;
        let image = Image::random(10);
        registry.push(&target, &image, &["latest"]).await;
        let deletion = registry
            .service
            .delete_manifest(&target.repository, image.digest());
        drop_after(polls, deletion).await;
        assert_eq!(registry.unfinished(NAME).await, [], "{polls}");
        assert_eq!(registry.tagged(NAME, "latest").await, None, "{polls}");
        assert_eq!(registry.state(NAME, image.digest()).await, None, "{polls}");
    }
}

#[tokio::test]
async fn a_push_restores_what_a_crash_left_half_deleted() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    registry.push(&target, &image, &["old"]).await;
    registry.half_delete(NAME, image.digest()).await;
    registry
        .push_manifest(&target, &image.manifest, &["new"])
        .await
        .unwrap();
    let state = registry.state(NAME, image.digest()).await;
    assert_eq!(state, Some(ManifestState::Live));
    for tag in ["old", "new"] {
        assert_eq!(registry.tagged(NAME, tag).await, Some(image.digest()));
    }
}

#[tokio::test]
async fn a_repositorys_deletion_ends_what_crashes_left_behind() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let [live, deleting, pending] = [1, 2, 3].map(Image::random);
    registry.push(&target, &live, &["live"]).await;
    registry.push(&target, &deleting, &["deleting"]).await;
    registry.half_delete(NAME, deleting.digest()).await;
    let (nonce, now) = (
        registry.ports().ids.fresh().into(),
        target.project.created_at,
    );
    registry
        .ports()
        .manifests
        .begin_manifest(&target.repository, pending.digest(), nonce, now)
        .await
        .unwrap();
    registry
        .service
        .delete_repository(&target.repository)
        .await
        .unwrap();
    let gone = registry.service.repository(&target.repository).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    for image in [live, deleting, pending] {
        assert_eq!(registry.state(NAME, image.digest()).await, None);
    }
    registry.delete_project("library").await;
}

#[tokio::test]
async fn a_damaged_manifest_can_be_deleted() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let note = "x".repeat(berth_domain::INLINE_MANIFEST_BYTES);
    let image = Image::builder().layer(10).annotation("note", note).build();
    registry.push(&target, &image, &["latest"]).await;
    let manifest = registry
        .ports()
        .manifests
        .manifest(&target.repository, image.digest())
        .await
        .unwrap()
        .unwrap();
    let ManifestContent::Object(key) = manifest.content else {
        panic!("the manifest is in its record");
    };
    registry.ports().blobs.delete(&[key]).await.unwrap();
    registry
        .service
        .delete_manifest(&target.repository, image.digest())
        .await
        .unwrap();
    assert_eq!(registry.state(NAME, image.digest()).await, None);
    assert_eq!(registry.tagged(NAME, "latest").await, None);
}

#[tokio::test]
async fn a_manifest_that_an_index_names_stays_whole() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let index = Index::of(Format::Oci, vec![Image::random(10)]);
    let child = &index.images[0];
    registry.push(&target, child, &["child"]).await;
    registry
        .push_manifest(&target, &index.manifest, &["index"])
        .await
        .unwrap();
    let deleted = registry
        .service
        .delete_manifest(&target.repository, child.digest())
        .await;
    assert!(
        matches!(deleted, Err(Error::PreconditionFailed(_))),
        "{deleted:?}"
    );
    let state = registry.state(NAME, child.digest()).await;
    assert_eq!(state, Some(ManifestState::Live));
    assert_eq!(registry.tagged(NAME, "child").await, Some(child.digest()));
}

#[tokio::test]
async fn a_tag_that_is_set_by_a_push_that_overtakes_a_deletion_stays() {
    for moment in [
        Moment::BeforeTagsAreRead,
        Moment::AfterTagsAreRead,
        Moment::BeforeATagIsDeleted,
    ] {
        let registry = Registry::start().await;
        let target = registry.target(NAME).await;
        let image = Image::random(10);
        registry.push(&target, &image, &["latest"]).await;
        let manifest = registry
            .ports()
            .manifests
            .manifest(&target.repository, image.digest())
            .await
            .unwrap()
            .unwrap();
        registry
            .tags
            .push_at(moment, manifest, "latest".parse().unwrap());
        registry
            .service
            .delete_manifest(&target.repository, image.digest())
            .await
            .unwrap();
        let state = registry.state(NAME, image.digest()).await;
        assert_eq!(state, Some(ManifestState::Live), "{moment:?}");
        let tagged = registry.tagged(NAME, "latest").await;
        assert_eq!(tagged, Some(image.digest()), "{moment:?}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_cannot_be_deleted() {
    let registry = Registry::start().await;
    let deleted = registry
        .service
        .delete_repository(&name("library/no"))
        .await;
    assert!(matches!(deleted, Err(Error::NotFound(_))), "{deleted:?}");
    let project = registry.target(NAME).await.project;
    registry
        .push(&registry.target(NAME).await, &Image::random(1), &[])
        .await;
    let deleted = registry.service.delete_project(&project).await;
    assert!(
        matches!(deleted, Err(Error::Store(StoreError::InUse(_)))),
        "{deleted:?}"
    );
}
