//! Tags and referrers.

use berth_oci::Digest;
use berth_testkit::hub::{Fault, HubSettings, On, RequestKind};
use berth_testkit::image::Image;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, LINK};

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

fn page(tags: &str, next: Option<&str>) -> Fault {
    let link = next.map(|next| format!("<{next}>; rel=next"));
    let link = link.map(|link| (LINK, HeaderValue::try_from(link).unwrap()));
    Fault::Answer {
        status: StatusCode::OK,
        headers: HeaderMap::from_iter(link),
        body: format!(r#"{{"name":"r","tags":{tags}}}"#),
    }
}

#[tokio::test]
async fn tags_of_a_registry_that_knows_no_last_are_found_by_its_links() {
    let hub = Hub::start_with(HubSettings::open()).await;
    for answer in [
        page(r#"["a","b"]"#, Some("/v2/r/tags/list?token=1")),
        page(r#"["c","d"]"#, Some("?token=2")),
        page(r#"["e"]"#, None),
    ] {
        hub.fault(On::every(RequestKind::Tags).times(1), answer);
    }
    let tags = upstream()
        .list_tags(&anonymous(&hub), "r", Some("b"), 2)
        .await;
    assert_eq!(tags.unwrap(), (vec!["c".to_owned(), "d".to_owned()], true));
    let queries = hub.requests().into_iter().map(|request| request.query);
    let queries: Vec<_> = queries.map(Option::unwrap).collect();
    assert_eq!(queries, ["n=2&last=b", "token=1"]);
}

#[tokio::test]
async fn links_of_tags_are_followed_to_the_same_place_only_and_not_for_ever() {
    let hub = Hub::start_with(HubSettings::open()).await;
    for (next, followed) in [
        ("/v2/secret/tags/list", 0),
        ("http://127.0.0.1:1/v2/r/tags/list", 0),
        ("?again", 15),
    ] {
        hub.clear_faults();
        hub.clear_requests();
        hub.fault(On::any(), page(r#"["a"]"#, Some(next)));
        let tags = upstream()
            .list_tags(&anonymous(&hub), "r", Some("b"), 2)
            .await;
        assert_eq!(tags.is_ok(), followed == 0, "{next}");
        assert_eq!(hub.count(RequestKind::Tags), 1 + followed, "{next}");
    }
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
