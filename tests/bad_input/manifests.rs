//! Manifests that are none.

use berth_oci::Digest;
use berth_testkit::image::Image;
use futures_util::stream;
use serde_json::{Value, json};

use super::{REPOSITORY, assert_no_trace, head, raw, status};
use crate::support::http::Client;
use crate::support::server::Server;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

async fn refused(client: &Client, content_type: &str, body: Vec<u8>) {
    let by_digest = Digest::sha256(&body).to_string();
    for reference in ["latest", &by_digest] {
        let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
        let put = client
            .put(&path)
            .header("content-type", content_type)
            .body(body.clone());
        put.send().await.refused(400, "MANIFEST_INVALID");
    }
}

/// A valid manifest with one change.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(&Image::random(1).manifest.bytes).unwrap();
    change(&mut manifest);
    manifest.to_string().into_bytes()
}

#[tokio::test]
async fn what_is_no_json_object_is_no_manifest() {
    let server = Server::start().await;
    let client = server.admin();
    for body in [
        &b""[..],
        b" ",
        b"null",
        b"[]",
        b"\"a\"",
        b"1",
        b"{",
        b"{\"a\"}",
        b"{}}",
        b"\xff\xfe",
        b"{\"mediaType\":\"\xff\"}",
        b"\0",
    ] {
        refused(&client, IMAGE, body.to_vec()).await;
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn manifests_with_wrong_fields_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let changes: [fn(&mut Value); 14] = [
        |m| m["schemaVersion"] = json!(1),
        |m| m["schemaVersion"] = json!("2"),
        |m| m["mediaType"] = json!(INDEX),
        |m| m["mediaType"] = json!(7),
        |m| m["config"] = Value::Null,
        |m| m["config"] = json!([]),
        |m| m["layers"] = json!({}),
        |m| m["layers"][0]["digest"] = json!("sha256:abc"),
        |m| m["layers"][0]["digest"] = json!("latest"),
        |m| m["layers"][0]["size"] = json!(-1),
        |m| m["layers"][0]["size"] = json!("1"),
        |m| m["layers"][0] = json!("sha256"),
        |m| m["manifests"] = json!([]),
        |m| m["annotations"] = json!({ "a": { "b": "c" } }),
    ];
    for change in changes {
        refused(&client, IMAGE, changed(change)).await;
    }
    refused(
        &client,
        IMAGE,
        changed(|m| m["subject"] = json!({ "digest": "x" })),
    )
    .await;
    refused(&client, "no media type", changed(|_| ())).await;
    refused(
        &client,
        INDEX,
        br#"{"schemaVersion":2,"manifests":[1]}"#.to_vec(),
    )
    .await;
    refused(
        &client,
        INDEX,
        br#"{"schemaVersion":2,"manifests":[],"layers":[]}"#.to_vec(),
    )
    .await;
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn json_that_is_nested_deeply_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let depth = 1_000_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = open.repeat(depth / open.len()) + "1" + &close.repeat(depth / open.len());
        for field in ["annotations", "layers", "config", "subject"] {
            let body =
                format!("{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE}\",\"{field}\":{nested}}}");
            refused(&client, IMAGE, body.into_bytes()).await;
        }
        refused(&client, IMAGE, nested.into_bytes()).await;
    }
    refused(&client, IMAGE, "[".repeat(4_000_000).into_bytes()).await;
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn more_descriptors_than_a_manifest_may_have_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let many = |m: &mut Value| {
        let layer = m["layers"][0].clone();
        m["layers"] = json!(vec![layer; 5000]);
    };
    refused(&client, IMAGE, changed(many)).await;
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn manifests_over_the_limit_are_413() {
    let server = Server::start().await;
    let client = server.admin();
    let path = format!("/v2/{REPOSITORY}/manifests/latest");
    let large = bytes::Bytes::from(vec![b' '; 5 << 20]);
    let put = client
        .put(&path)
        .header("content-type", IMAGE)
        .body(large.clone());
    put.send().await.expect(413);
    let pieces =
        stream::iter((0..80).map(move |_| Ok::<_, std::io::Error>(large.slice(..64 << 10))));
    let put = client.put(&path).header("content-type", IMAGE);
    put.body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
        .expect(413);
    let announced = head("PUT", &path, "content-length: 99999999999\r\n");
    assert_eq!(status(&raw(&server, announced.as_bytes()).await), 413);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_manifest_that_breaks_off_is_not_taken() {
    let server = Server::start().await;
    let path = format!("/v2/{REPOSITORY}/manifests/latest");
    let request = head("PUT", &path, "content-length: 100\r\n") + "{}";
    let answer = raw(&server, request.as_bytes()).await;
    assert!([0, 400].contains(&status(&answer)), "{answer}");
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_manifest_without_its_blobs_leaves_nothing() {
    let server = Server::start().await;
    let client = server.admin();
    let small = Image::random(10);
    // Kept beside the blobs if it were taken.
    let large = Image::builder()
        .layer(10)
        .annotation("a", "a".repeat(100_000))
        .build();
    for image in [small, large] {
        let refused = client
            .push_manifest(REPOSITORY, "latest", &image.manifest)
            .await;
        assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    }
    assert_no_trace(&server).await;
}
