//! Tags and referrers.

use berth_oci::Digest;
use berth_testkit::hub::HubSettings;
use berth_testkit::image::Image;

use super::*;

#[tokio::test]
async fn tags_come_in_pages() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    for tag in ["a", "b", "c"] {
        hub.push_image("r", tag, &image);
    }
    let (upstream, remote) = (upstream(), anonymous(&hub));
    let (first, more) = upstream.list_tags(&remote, "r", None, 2).await.unwrap();
    assert_eq!((first, more), (vec!["a".to_owned(), "b".to_owned()], true));
    let (rest, more) = upstream
        .list_tags(&remote, "r", Some("b"), 2)
        .await
        .unwrap();
    assert_eq!((rest, more), (vec!["c".to_owned()], false));
}

#[tokio::test]
async fn the_tags_of_an_absent_repository_are_the_upstreams_404() {
    let hub = Hub::start_with(HubSettings::open()).await;
    assert_eq!(
        status_of(upstream().list_tags(&anonymous(&hub), "r", None, 2).await),
        404
    );
}

#[tokio::test]
async fn referrers_are_an_index() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    hub.push_image("r", "1", &image);
    let signature = Image::builder()
        .subject(&image.manifest)
        .artifact_type("a/b")
        .build();
    hub.push_manifest("r", &signature.manifest);
    let index = upstream()
        .referrers(&anonymous(&hub), "r", image.digest())
        .await
        .unwrap()
        .unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(
        index["manifests"][0]["digest"],
        signature.digest().to_string()
    );
}

#[tokio::test]
async fn a_registry_without_referrers_has_none() {
    let hub = Hub::start().await;
    let subject = Digest::sha256(b"x");
    hub.push_image("r", "1", &Image::random(10));
    assert_eq!(
        upstream()
            .referrers(&anonymous(&hub), "r", subject)
            .await
            .unwrap(),
        None
    );
}
