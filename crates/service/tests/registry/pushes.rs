//! Pushes of manifests that do not go through.

use berth_domain::ManifestState;
use berth_service::Error;
use berth_testkit::image::Image;

use crate::{NAME, Registry, drop_after};

/// An image whose manifest is too large for its record.
fn large_image() -> Image {
    let note = "x".repeat(berth_domain::INLINE_MANIFEST_BYTES);
    Image::builder().layer(10).annotation("note", note).build()
}

#[tokio::test]
async fn a_push_whose_client_goes_away_at_any_moment_leaves_nothing_pending() {
    for polls in 0..8 {
        let registry = Registry::start().await;
        let target = registry.target(NAME).await;
        let image = large_image();
        registry.push_blobs(&target, &image).await;
        let push = registry.push_manifest(&target, &image.manifest, &["latest"]);
        drop_after(polls, push).await;
        assert_eq!(registry.unfinished(NAME).await, [], "{polls}");
        let tagged = registry.tagged(NAME, "latest").await;
        let live = (polls > 0).then(|| image.digest());
        assert_eq!(tagged, live, "{polls}");
    }
}

#[tokio::test]
async fn a_push_that_fails_after_it_began_leaves_nothing_pending() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = large_image();
    registry.push_blobs(&target, &image).await;
    registry.disk.fill();
    let pushed = registry
        .push_manifest(&target, &image.manifest, &["latest"])
        .await;
    assert!(
        matches!(pushed, Err(Error::Store(berth_ports::StoreError::Full))),
        "{pushed:?}"
    );
    assert_eq!(registry.unfinished(NAME).await, []);
    assert_eq!(registry.state(NAME, image.digest()).await, None);
    assert_eq!(registry.tagged(NAME, "latest").await, None);
}

#[tokio::test]
async fn a_push_that_names_what_is_not_there_leaves_nothing_pending() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    let pushed = registry.push_manifest(&target, &image.manifest, &[]).await;
    let Err(Error::ManifestBlobUnknown(missing)) = pushed else {
        panic!("{pushed:?}");
    };
    let blobs: Vec<_> = image.blobs().map(|blob| blob.digest).collect();
    assert_eq!(missing, blobs);
    assert_eq!(registry.unfinished(NAME).await, []);
}

#[tokio::test]
async fn a_push_joins_one_that_a_crash_left_pending() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    let (digest, nonce) = (image.digest(), registry.ports().ids.fresh().into());
    registry
        .ports()
        .manifests
        .begin_manifest(&target.repository, digest, nonce, target.project.created_at)
        .await
        .unwrap();
    registry.push(&target, &image, &["latest"]).await;
    assert_eq!(
        registry.state(NAME, digest).await,
        Some(ManifestState::Live)
    );
    assert_eq!(registry.tagged(NAME, "latest").await, Some(digest));
}
