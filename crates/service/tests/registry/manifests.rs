//! Manifests that are large.

use berth_domain::{Edge, EdgeTarget, MAX_REFERRER_ANNOTATION_BYTES};
use berth_service::Unlinked;
use berth_testkit::image::{Image, ImageBuilder, Layer};

use crate::{NAME, Registry};

#[tokio::test]
async fn a_referrer_with_large_annotations_is_listed_with_them() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let subject = Image::random(10);
    registry.push(&target, &subject, &[]).await;
    let note = "x".repeat(MAX_REFERRER_ANNOTATION_BYTES + 1);
    let artifact = Image::builder()
        .layer(10)
        .subject(&subject.manifest)
        .annotation("note", note.clone())
        .build();
    registry.push(&target, &artifact, &[]).await;
    let stored = registry
        .ports()
        .manifests
        .referrers(&target.repository, subject.digest(), None, None, 10)
        .await
        .unwrap();
    assert_eq!(stored.items[0].annotations, None);
    let listed = registry
        .service
        .referrers(&target, subject.digest(), None, None, 10)
        .await
        .unwrap();
    let annotations = [("note".to_owned(), note)].into();
    assert_eq!(listed.items[0].annotations, Some(annotations));
}

#[tokio::test]
async fn a_manifest_of_many_layers_is_pushed_and_deleted_with_all_its_edges() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let layers = (0..500).map(|number| Layer::of_file("n", format!("{number}").as_bytes()));
    let image = layers.fold(Image::builder(), ImageBuilder::with_layer);
    let image = image.build();
    registry.push(&target, &image, &["latest"]).await;
    let manifests = &registry.ports().manifests;
    let (repository, digest) = (&target.repository, image.digest());
    let manifest = manifests.manifest(repository, digest).await;
    let nonce = manifest.unwrap().unwrap().nonce;
    let edge = Edge {
        manifest: digest,
        nonce,
    };
    let edges = async |blob| {
        let target = EdgeTarget::Blob(blob);
        let page = manifests.edges(repository, target, None, 10).await;
        page.unwrap().items
    };
    for blob in image.blobs() {
        assert_eq!(edges(blob.digest).await, [edge]);
    }
    let targets: Vec<_> = image
        .blobs()
        .map(|blob| EdgeTarget::Blob(blob.digest))
        .collect();
    let unlink = async || {
        let unlinked = registry.service.unlink(repository, edge, &targets).await;
        unlinked.unwrap()
    };
    assert_eq!(unlink().await, Unlinked::Needed);
    registry
        .service
        .delete_manifest(repository, digest)
        .await
        .unwrap();
    assert_eq!(unlink().await, Unlinked::Done);
    for blob in image.blobs() {
        assert_eq!(edges(blob.digest).await, []);
    }
}

#[tokio::test]
async fn a_manifest_with_an_object_of_its_own_leaves_none_behind() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let note = "x".repeat(berth_domain::INLINE_MANIFEST_BYTES);
    let image = Image::builder().layer(10).annotation("note", note).build();
    registry.push_blobs(&target, &image).await;
    let (manifest, disk) = (&image.manifest, &registry.disk.blobs);
    let without = disk.keys();
    // The second joins the first, and has an object too many.
    let pushes = tokio::join!(
        registry.push_manifest(&target, manifest, &["one"]),
        registry.push_manifest(&target, manifest, &["two"]),
    );
    assert!(pushes.0.is_ok() && pushes.1.is_ok(), "{pushes:?}");
    registry.delete_objects().await;
    assert_eq!(disk.keys().len(), without.len() + 1);
    for tag in ["one", "two"] {
        assert_eq!(registry.tagged(NAME, tag).await, Some(image.digest()));
    }
    registry
        .service
        .delete_manifest(&target.repository, image.digest())
        .await
        .unwrap();
    registry.delete_objects().await;
    assert_eq!(disk.keys(), without);
}
