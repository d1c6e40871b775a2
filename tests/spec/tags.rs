//! Section "Listing Tags".

use berth_testkit::image::Image;
use serde_json::json;

use crate::support::http::{Answer, Client};
use crate::support::server::Server;

const REPOSITORY: &str = "library/tags";

/// In the order of their bytes.
const TAGS: [&str; 8] = ["0", "10", "9", "A", "Z-1", "_", "a", "a.b"];

async fn list(client: &Client, query: &str) -> Answer {
    client
        .get(&format!("/v2/{REPOSITORY}/tags/list{query}"))
        .send()
        .await
        .expect(200)
}

fn tags(answer: &Answer) -> Vec<String> {
    serde_json::from_value(answer.json()["tags"].clone()).unwrap()
}

async fn tagged() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    client.push_blobs(REPOSITORY, &image).await;
    for tag in TAGS.iter().rev() {
        client
            .push_manifest(REPOSITORY, tag, &image.manifest)
            .await
            .expect(201);
    }
    (server, client)
}

#[tokio::test]
async fn tags_are_listed_in_order() {
    let (_server, client) = tagged().await;
    let answer = list(&client, "").await;
    assert_eq!(answer.json(), json!({ "name": REPOSITORY, "tags": TAGS }));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.next(), None);
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    client
        .push_image(REPOSITORY, &image.digest().to_string(), &image)
        .await;
    let answer = list(&client, "").await;
    assert_eq!(answer.json(), json!({ "name": REPOSITORY, "tags": [] }));
}

#[tokio::test]
async fn pages_of_tags_lead_from_one_to_the_next() {
    let (_server, client) = tagged().await;
    for size in 1..=TAGS.len() + 1 {
        let mut seen = Vec::new();
        let mut page = list(&client, &format!("?n={size}")).await;
        loop {
            let found = tags(&page);
            seen.extend(found.clone());
            let Some(next) = page.next() else { break };
            assert_eq!(found.len(), size);
            page = client.get(&next).send().await.expect(200);
        }
        assert_eq!(seen, TAGS, "pages of {size}");
    }
}

#[tokio::test]
async fn no_tags_are_listed_where_none_are_asked_for() {
    let (_server, client) = tagged().await;
    for query in ["?n=0", "?n=0&last=A"] {
        let answer = list(&client, query).await;
        assert_eq!(answer.json(), json!({ "name": REPOSITORY, "tags": [] }));
        assert_eq!(answer.next(), None);
    }
}

#[tokio::test]
async fn tags_are_listed_behind_the_last_one() {
    let (_server, client) = tagged().await;
    for (query, expected) in [
        ("?last=9", &TAGS[3..]),
        ("?last=B", &TAGS[4..]),
        ("?last=a.b", &[]),
        ("?last=zzz", &[]),
        ("?n=2&last=10", &TAGS[2..4]),
        ("?n=100&last=_", &TAGS[6..]),
        // No position: a tag that is not there.
        ("?n=2&last=1", &TAGS[1..3]),
    ] {
        assert_eq!(tags(&list(&client, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn a_number_of_tags_that_is_none_is_refused() {
    let (_server, client) = tagged().await;
    for n in ["-1", "x", "1.5", "%20"] {
        client
            .get(&format!("/v2/{REPOSITORY}/tags/list?n={n}"))
            .send()
            .await
            .expect(400);
    }
    assert_eq!(tags(&list(&client, "?n=99999999999999999999").await), TAGS);
}
