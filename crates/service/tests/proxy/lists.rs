//! Tags and referrers.

use berth_domain::Referrer;
use berth_testkit::hub::{Fault, On};
use berth_testkit::image::{Content, Format, Image};
use http::StatusCode;
use serde_json::json;

use super::*;

async fn tags(cache: &Cache, last: Option<&str>, limit: usize) -> Result<(Vec<String>, bool)> {
    let target = cache.target("hub/a/b").await;
    let page = cache.service.tags(&target, last, limit).await?;
    Ok((
        page.items.iter().map(ToString::to_string).collect(),
        page.more,
    ))
}

fn texts(tags: &[&str]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn tags_are_the_upstreams() {
    let cache = Cache::docker_hub().await;
    for tag in ["1", "2", "3"] {
        cache.hub.push_image("a/b", tag, &Image::random(10));
    }
    assert_eq!(
        tags(&cache, None, 2).await.unwrap(),
        (texts(&["1", "2"]), true)
    );
    assert_eq!(
        tags(&cache, Some("2"), 2).await.unwrap(),
        (texts(&["3"]), false)
    );
}

#[tokio::test]
async fn with_the_upstream_gone_tags_are_the_held_ones() {
    let cache = Cache::docker_hub().await;
    for tag in ["1", "2"] {
        cache.hub.push_image("a/b", tag, &Image::random(10));
    }
    cache.get("hub/a/b", "2").await.unwrap();
    cache.hub.stop().await;
    assert_eq!(
        tags(&cache, None, 10).await.unwrap(),
        (texts(&["2"]), false)
    );
}

#[tokio::test]
async fn where_nothing_is_held_the_upstreams_own_error_is_the_answer() {
    let cache = Cache::open().await;
    cache
        .hub
        .fault(On::any(), Fault::status(StatusCode::FORBIDDEN));
    assert_eq!(upstream_status(tags(&cache, None, 10).await), 403);
}

async fn referrers(cache: &Cache, subject: Digest, kind: Option<&str>) -> Vec<Digest> {
    let target = cache.target("hub/a/b").await;
    let page = cache
        .service
        .referrers(&target, subject, kind, None, 10)
        .await
        .unwrap();
    assert!(!page.more);
    let digest = |referrer: &Referrer| referrer.digest;
    page.items.iter().map(digest).collect()
}

fn signature(of: &Image, kind: &str) -> Image {
    Image::builder()
        .subject(&of.manifest)
        .artifact_type(kind)
        .layer(10)
        .build()
}

#[tokio::test]
async fn referrers_are_the_upstreams_and_the_held_ones() {
    let cache = Cache::open().await;
    let image = Image::random(10);
    let (held, both, upstream) = (
        signature(&image, "a/held"),
        signature(&image, "b/both"),
        signature(&image, "c/up"),
    );
    for artifact in [&held, &both] {
        cache.hub.push_manifest("a/b", &artifact.manifest);
        cache
            .get("hub/a/b", &artifact.digest().to_string())
            .await
            .unwrap();
    }
    cache.hub.delete("a/b", &held.digest());
    cache.hub.push_manifest("a/b", &upstream.manifest);
    let all = [held.digest(), both.digest(), upstream.digest()];
    assert_eq!(referrers(&cache, image.digest(), None).await, all);
    assert_eq!(
        referrers(&cache, image.digest(), Some("c/up")).await,
        all[2..]
    );

    let target = cache.target("hub/a/b").await;
    let after = Some(("a/held", held.digest()));
    let page = cache
        .service
        .referrers(&target, image.digest(), None, after, 1)
        .await
        .unwrap();
    assert_eq!(
        (page.items[0].digest, page.items.len(), page.more),
        (both.digest(), 1, true)
    );

    cache.hub.stop().await;
    assert_eq!(referrers(&cache, image.digest(), None).await, all[..2]);
}

#[tokio::test]
async fn referrers_are_found_by_their_tag_where_there_is_no_api() {
    let cache = Cache::docker_hub().await;
    let image = Image::random(10);
    let signature = signature(&image, "a/b");
    cache.hub.push_image("a/b", "latest", &image);
    assert_eq!(referrers(&cache, image.digest(), None).await, []);
    let mut descriptor = signature.manifest.descriptor();
    descriptor["artifactType"] = "a/b".into();
    let index = json!({
        "schemaVersion": 2, "mediaType": Format::Oci.index(), "manifests": [descriptor],
    });
    let index = Content::new(Format::Oci.index(), index.to_string());
    let digest = cache.hub.push_manifest("a/b", &index);
    cache
        .hub
        .tag("a/b", &format!("sha256-{}", image.digest().hex()), digest);
    assert_eq!(
        referrers(&cache, image.digest(), None).await,
        [signature.digest()]
    );
}
