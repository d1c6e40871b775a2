//! Blobs: from the CDN, by range, and counted.

use super::*;

/// Docker Hub with one blob, a token for it, and the blob's path.
async fn hub_with_blob() -> (Hub, Bytes, String, String) {
    let hub = Hub::start().await;
    let bytes = seeded_bytes(1, 0..300_000);
    let digest = hub.push_blob("library/a", bytes.clone());
    let token = token(&hub, "library/a").await;
    (hub, bytes, token, format!("library/a/blobs/{digest}"))
}

#[tokio::test]
async fn a_blob_is_redirected_to_another_host() {
    let (hub, bytes, token, path) = hub_with_blob().await;
    let response = get(&hub, &path).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 307);
    let location = header(&response, "location");
    assert!(location.starts_with(&format!("http://{}/", hub.address(Host::Cdn))));
    let blob = client().get(location).send().await.unwrap();
    assert_eq!(blob.status(), 200);
    assert_eq!(blob.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_client_that_follows_reads_the_blob_and_is_on_record() {
    let (hub, bytes, token, path) = hub_with_blob().await;
    hub.clear_requests();
    let url = format!("{}/v2/{path}", hub.url());
    let response = following()
        .get(&url)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(response.bytes().await.unwrap(), bytes);
    let digest = Digest::sha256(&bytes);
    assert_eq!(hub.bytes_sent(&digest), 300_000);
    let record = hub.requests();
    let hex = digest.hex();
    let prefix = &hex[..2];
    assert_eq!(
        hub.log(),
        [
            format!("registry GET /v2/library/a/blobs/sha256:{hex} 307"),
            format!("cdn GET /registry-v2/docker/registry/v2/blobs/sha256/{prefix}/{hex}/data 200"),
        ]
    );
    assert!(record[0].is_authorized());
    assert!(!record[1].is_authorized());
    assert!(
        record[1]
            .query
            .as_ref()
            .unwrap()
            .contains("X-Amz-Signature=")
    );
}

#[tokio::test]
async fn the_cdn_refuses_credentials() {
    let (hub, _, token, path) = hub_with_blob().await;
    let response = get(&hub, &path).bearer_auth(&token).send().await.unwrap();
    let location = header(&response, "location").to_owned();
    let refused = client()
        .get(&location)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("Only one auth mechanism allowed")
    );
}

#[tokio::test]
async fn a_signed_url_is_good_for_its_method_and_until_it_expires() {
    let (hub, _, token, path) = hub_with_blob().await;
    let response = head(&hub, &path).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 307);
    let location = header(&response, "location").to_owned();
    assert_eq!(client().get(&location).send().await.unwrap().status(), 403);
    let head = client().head(&location).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), "300000");
    hub.expire_signed_urls();
    assert_eq!(client().head(&location).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_range_of_a_blob_is_served() {
    let (hub, digest, bytes) = open_with_blob(200_000).await;
    let path = format!("a/blobs/{digest}");
    let part = get(&hub, &path)
        .header("range", "bytes=150000-")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(header(&part, "content-range"), "bytes 150000-199999/200000");
    assert_eq!(header(&part, "content-length"), "50000");
    assert_eq!(part.bytes().await.unwrap(), bytes.slice(150_000..));
    assert_eq!(hub.bytes_sent(&digest), 50_000);

    let outside = get(&hub, &path)
        .header("range", "bytes=200000-")
        .send()
        .await
        .unwrap();
    assert_eq!(outside.status(), 416);
    assert_eq!(header(&outside, "content-range"), "bytes */200000");

    let other = get(&hub, &path)
        .header("range", "bytes=5-")
        .header("if-range", "\"other\"");
    assert_eq!(other.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn ranges_are_ignored_where_they_are_switched_off() {
    let (hub, digest, bytes) = open_with_blob(1000).await;
    hub.change(|settings| settings.serves_ranges = false);
    let request = get(&hub, &format!("a/blobs/{digest}")).header("range", "bytes=500-");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_seeded_blob_has_the_digest_of_its_bytes() {
    let (hub, digest, bytes) = open_with_blob(3_000_000).await;
    assert_eq!(digest, Digest::sha256(&bytes));
    let response = get(&hub, &format!("a/blobs/{digest}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.bytes().await.unwrap(), bytes);
}
