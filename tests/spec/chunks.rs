//! Section "Push", blobs in chunks.

use berth_oci::Digest;
use berth_testkit::image::{random_bytes, seeded_bytes};
use bytes::Bytes;
use futures_util::stream;

use crate::support::files;
use crate::support::http::{Answer, Client, with_query};
use crate::support::server::Server;
use crate::support::wait;

const REPOSITORY: &str = "library/chunks";

async fn patch(client: &Client, location: &str, bytes: &Bytes, start: usize, end: usize) -> Answer {
    client
        .patch(location)
        .header("content-type", "application/octet-stream")
        .header("content-range", &format!("{start}-{}", end - 1))
        .body(bytes.slice(start..end))
        .send()
        .await
}

async fn close(client: &Client, location: &str, bytes: &Bytes) -> Answer {
    let path = with_query(location, &format!("digest={}", Digest::sha256(bytes)));
    client.put(&path).header("content-length", "0").send().await
}

async fn assert_whole(client: &Client, created: &Answer, bytes: &Bytes) {
    let pulled = client.get(&created.location()).send().await.expect(200);
    assert_eq!(pulled.body, bytes);
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(30_000);
    let mut location = client.start_upload(REPOSITORY).await;
    for (start, end) in [(0, 10_000), (10_000, 20_001), (20_001, 30_000)] {
        let answer = patch(&client, &location, &bytes, start, end)
            .await
            .expect(202);
        assert_eq!(answer.header("range"), format!("0-{}", end - 1));
        location = answer.location();
    }
    let created = close(&client, &location, &bytes).await.expect(201);
    assert_eq!(
        created.header("docker-content-digest"),
        Digest::sha256(&bytes).to_string()
    );
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn the_last_chunk_may_come_with_the_closing_put() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(30_000);
    for range in [Some("20000-29999"), None] {
        let location = client.start_upload(REPOSITORY).await;
        let location = patch(&client, &location, &bytes, 0, 20_000)
            .await
            .expect(202)
            .location();
        let digest = Digest::sha256(&bytes);
        let mut put = client.put(&with_query(&location, &format!("digest={digest}")));
        if let Some(range) = range {
            put = put.header("content-range", range);
        }
        let created = put.body(bytes.slice(20_000..)).send().await.expect(201);
        assert_whole(&client, &created, &bytes).await;
    }
}

#[tokio::test]
async fn a_blob_is_pushed_as_a_stream() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(300_000);
    let location = client.start_upload(REPOSITORY).await;
    let pieces: Vec<_> = bytes.chunks(7000).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let body = reqwest::Body::wrap_stream(pieces);
    let answer = client.patch(&location).body(body).send().await.expect(202);
    assert_eq!(answer.header("range"), "0-299999");
    let created = close(&client, &answer.location(), &bytes).await.expect(201);
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn a_blob_is_pushed_by_one_patch_without_a_range() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(300_000);
    let location = client.start_upload(REPOSITORY).await;
    let answer = client
        .patch(&location)
        .body(bytes.clone())
        .send()
        .await
        .expect(202);
    assert_eq!(answer.header("range"), "0-299999");
    let created = close(&client, &answer.location(), &bytes).await.expect(201);
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn a_chunk_out_of_order_is_416_and_the_upload_goes_on() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3000);
    let mut location = client.start_upload(REPOSITORY).await;
    patch(&client, &location, &bytes, 1000, 2000)
        .await
        .expect(416);
    location = client.get(&location).send().await.expect(204).location();
    location = patch(&client, &location, &bytes, 0, 1000)
        .await
        .expect(202)
        .location();
    for (start, end) in [(0, 1000), (500, 1500), (2000, 3000), (1001, 2000)] {
        let refused = patch(&client, &location, &bytes, start, end).await;
        assert_eq!(
            refused.refused(416, "BLOB_UPLOAD_INVALID").header("range"),
            "0-999"
        );
        let status = client.get(&location).send().await.expect(204);
        assert_eq!(status.header("range"), "0-999");
        location = status.location();
    }
    location = patch(&client, &location, &bytes, 1000, 3000)
        .await
        .expect(202)
        .location();
    let created = close(&client, &location, &bytes).await.expect(201);
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn a_last_chunk_out_of_order_is_416() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3000);
    let location = client.start_upload(REPOSITORY).await;
    let location = patch(&client, &location, &bytes, 0, 1000)
        .await
        .expect(202)
        .location();
    let put = async |location: &str, start: usize| {
        let path = with_query(location, &format!("digest={}", Digest::sha256(&bytes)));
        let range = format!("{start}-2999");
        let body = bytes.slice(start..);
        client
            .put(&path)
            .header("content-range", &range)
            .body(body)
            .send()
            .await
    };
    put(&location, 2000).await.expect(416);
    put(&location, 0).await.expect(416);
    let location = client.get(&location).send().await.expect(204).location();
    let created = put(&location, 1000).await.expect(201);
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn the_status_of_an_upload_is_its_location_and_range() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3000);
    let first = client.start_upload(REPOSITORY).await;
    let second = patch(&client, &first, &bytes, 0, 1000)
        .await
        .expect(202)
        .location();
    for location in [&first, &second] {
        let status = client.get(location).send().await.expect(204);
        assert_eq!(status.header("range"), "0-999");
        assert_eq!(status.location(), second);
        assert!(status.body.is_empty());
    }
}

#[tokio::test]
async fn a_location_that_was_used_before_is_416() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3000);
    let first = client.start_upload(REPOSITORY).await;
    let second = client
        .patch(&first)
        .body(bytes.slice(..1000))
        .send()
        .await
        .expect(202);
    client
        .patch(&first)
        .body(bytes.slice(..1000))
        .send()
        .await
        .expect(416);
    close(&client, &first, &bytes.slice(..1000))
        .await
        .expect(416);
    let second = client
        .get(&second.location())
        .send()
        .await
        .expect(204)
        .location();
    let third = client
        .patch(&second)
        .body(bytes.slice(1000..))
        .send()
        .await
        .expect(202);
    let created = close(&client, &third.location(), &bytes).await.expect(201);
    assert_whole(&client, &created, &bytes).await;
}

#[tokio::test]
async fn a_minimum_length_of_chunks_is_announced_and_taken() {
    let server = Server::start().await;
    let client = server.admin();
    let started = client
        .post(&format!("/v2/{REPOSITORY}/blobs/uploads/"))
        .send()
        .await
        .expect(202);
    let minimum: usize = started.header("oci-chunk-min-length").parse().unwrap();
    let length = minimum.max(1) * 3 - minimum / 2;
    let bytes = seeded_bytes(1, 0..length as u64);
    let mut location = started.location();
    for start in (0..length).step_by(minimum.max(1)) {
        let end = length.min(start + minimum.max(1));
        location = patch(&client, &location, &bytes, start, end)
            .await
            .expect(202)
            .location();
    }
    close(&client, &location, &bytes).await.expect(201);
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3000);
    let location = client.start_upload(REPOSITORY).await;
    let location = patch(&client, &location, &bytes, 0, 1000)
        .await
        .expect(202)
        .location();
    client.delete(&location).send().await.expect(204);
    client
        .get(&location)
        .send()
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    let again = patch(&client, &location, &bytes, 1000, 2000).await;
    again.refused(404, "BLOB_UPLOAD_UNKNOWN");
    client
        .delete(&location)
        .send()
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    files::wait_for(&server.data().join("uploads"), 0).await;
}

#[tokio::test]
async fn an_idle_upload_ends() {
    let idle = ["--upload-idle-seconds", "1"];
    let server = Server::builder().args(idle).start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    let location = client
        .patch(&location)
        .body("abc")
        .send()
        .await
        .expect(202)
        .location();
    wait::until("the end of the upload", async || {
        client.get(&location).send().await.status == 404
    })
    .await;
    files::wait_for(&server.data().join("uploads"), 0).await;
}
