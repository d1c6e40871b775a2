//! Section "Push", blobs in one piece.

use berth_oci::{Algorithm, Digest};
use berth_testkit::image::{random_bytes, seeded_bytes};
use bytes::Bytes;
use futures_util::stream;

use crate::support::files;
use crate::support::http::{Answer, Client, with_query};
use crate::support::server::{Server, assert_sound};

const REPOSITORY: &str = "library/push";
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A body whose length nobody knows beforehand.
fn streamed(bytes: &Bytes) -> reqwest::Body {
    let pieces: Vec<_> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
    reqwest::Body::wrap_stream(stream::iter(
        pieces.into_iter().map(Ok::<_, std::io::Error>),
    ))
}

async fn put(client: &Client, location: &str, digest: &Digest, bytes: &Bytes) -> Answer {
    let path = with_query(location, &format!("digest={digest}"));
    client.put(&path).body(bytes.clone()).send().await
}

/// Asserts that an answer names a blob that can be pulled.
async fn assert_pullable(client: &Client, created: &Answer, digest: &Digest, bytes: &Bytes) {
    assert_eq!(created.header("docker-content-digest"), digest.to_string());
    let pulled = client.get(&created.location()).send().await.expect(200);
    assert_eq!(pulled.body, bytes);
    assert_eq!(pulled.header("docker-content-digest"), digest.to_string());
}

#[tokio::test]
async fn a_blob_is_pushed_by_post_then_put() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(70_000);
    let digest = Digest::sha256(&bytes);
    let started = client
        .post(&format!("/v2/{REPOSITORY}/blobs/uploads/"))
        .send()
        .await;
    let location = started.expect(202).location();
    let created = put(&client, &location, &digest, &bytes).await.expect(201);
    assert_eq!(
        created.location(),
        format!("/v2/{REPOSITORY}/blobs/{digest}")
    );
    assert_pullable(&client, &created, &digest, &bytes).await;
}

#[tokio::test]
async fn an_upload_location_is_relative_and_has_a_uuid_of_its_own() {
    let server = Server::start().await;
    let client = server.admin();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let location = client.start_upload(REPOSITORY).await;
        let rest = location
            .strip_prefix(&format!("/v2/{REPOSITORY}/blobs/uploads/"))
            .unwrap();
        let id = rest.split('?').next().unwrap().replace('-', "");
        assert_eq!(id.len(), 32, "{location}");
        assert!(
            id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{location}"
        );
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn an_upload_can_be_started_without_the_slash() {
    let server = Server::start().await;
    let path = format!("/v2/{REPOSITORY}/blobs/uploads");
    server.admin().post(&path).send().await.expect(202);
}

#[tokio::test]
async fn a_blob_is_pushed_by_a_single_post() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(70_000);
    let digest = Digest::sha256(&bytes);
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
    let created = client
        .post(&path)
        .body(bytes.clone())
        .send()
        .await
        .expect(201);
    assert_pullable(&client, &created, &digest, &bytes).await;
    let created = client
        .post(&path)
        .body(streamed(&bytes))
        .send()
        .await
        .expect(201);
    assert_pullable(&client, &created, &digest, &bytes).await;
}

#[tokio::test]
async fn a_blob_is_taken_only_under_its_digest() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let wrong = Digest::sha256(b"something else");
    let location = client.start_upload(REPOSITORY).await;
    put(&client, &location, &wrong, &bytes)
        .await
        .refused(400, "DIGEST_INVALID");
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={wrong}");
    client
        .post(&path)
        .body(bytes.clone())
        .send()
        .await
        .refused(400, "DIGEST_INVALID");
    for digest in [wrong, Digest::sha256(&bytes)] {
        let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
        client.get(&path).send().await.refused(404, "BLOB_UNKNOWN");
    }
    files::wait_for(&server.data().join("blobs"), 0).await;
}

#[tokio::test]
async fn a_digest_that_is_invalid_or_unsupported_is_400() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    let upper = ABSENT.replace('0', "A");
    for digest in [
        "sha256",
        "sha256:",
        "sha256:12",
        "sha256:xyz",
        "md5:0cc175b9c0f1b6a831c399e269772661",
        &upper,
    ] {
        let post = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
        client
            .post(&post)
            .body("a")
            .send()
            .await
            .refused(400, "DIGEST_INVALID");
        let put = with_query(&location, &format!("digest={digest}"));
        client
            .put(&put)
            .body("a")
            .send()
            .await
            .refused(400, "DIGEST_INVALID");
    }
    let post = format!("/v2/{REPOSITORY}/blobs/uploads/?digest-algorithm=md5");
    client
        .post(&post)
        .send()
        .await
        .refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn a_session_is_closed_with_the_digest_of_the_whole_blob() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    client
        .put(&location)
        .body("a")
        .send()
        .await
        .refused(400, "DIGEST_INVALID");
    let location = client
        .patch(&location)
        .body("first")
        .send()
        .await
        .expect(202)
        .location();
    let last = Digest::sha256(b"last");
    put(&client, &location, &last, &Bytes::from("last"))
        .await
        .refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let server = Server::start().await;
    let client = server.admin();
    let digest = Digest::sha256(b"");
    let location = client.start_upload(REPOSITORY).await;
    let created = put(&client, &location, &digest, &Bytes::new())
        .await
        .expect(201);
    assert_pullable(&client, &created, &digest, &Bytes::new()).await;
    let range = client
        .get(&created.location())
        .header("range", "bytes=0-")
        .send()
        .await;
    range.expect(416);
}

#[tokio::test]
async fn a_put_that_succeeded_can_be_repeated() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(5000);
    let digest = Digest::sha256(&bytes);
    let location = client.start_upload(REPOSITORY).await;
    for _ in 0..2 {
        let created = put(&client, &location, &digest, &bytes).await.expect(201);
        assert_pullable(&client, &created, &digest, &bytes).await;
    }
    client
        .get(&location)
        .send()
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn blobs_are_pushed_by_sha512_with_and_without_notice() {
    let server = Server::start().await;
    let client = server.admin();
    let start = async |query: &str| {
        let path = format!("/v2/{REPOSITORY}/blobs/uploads/{query}");
        client.post(&path).send().await.expect(202).location()
    };
    for (index, query) in ["?digest-algorithm=sha512", "", "?digest-algorithm=sha256"]
        .iter()
        .enumerate()
    {
        let bytes = seeded_bytes(index as u64, 0..5000);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        let mut location = start(query).await;
        location = client
            .patch(&location)
            .body(bytes.slice(..3000))
            .send()
            .await
            .expect(202)
            .location();
        let created = put(&client, &location, &digest, &bytes.slice(3000..))
            .await
            .expect(201);
        assert_pullable(&client, &created, &digest, &bytes).await;
    }
    let bytes = random_bytes(5000);
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
    let created = client
        .post(&path)
        .body(bytes.clone())
        .send()
        .await
        .expect(201);
    assert_pullable(&client, &created, &digest, &bytes).await;
    let bytes = random_bytes(5000);
    let digest = Digest::sha256(&bytes);
    let location = start("?digest-algorithm=sha512").await;
    let created = put(&client, &location, &digest, &bytes).await.expect(201);
    assert_pullable(&client, &created, &digest, &bytes).await;
}

#[tokio::test]
async fn two_pushes_of_one_blob_at_once_keep_one_copy() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = random_bytes(3_000_000);
    let digest = Digest::sha256(&bytes);
    let push = async |repository: &str| {
        let location = client.start_upload(repository).await;
        let location = client
            .patch(&location)
            .body(streamed(&bytes))
            .send()
            .await
            .expect(202)
            .location();
        let created = put(&client, &location, &digest, &Bytes::new())
            .await
            .expect(201);
        assert_pullable(&client, &created, &digest, &bytes).await;
    };
    tokio::join!(
        push(REPOSITORY),
        push(REPOSITORY),
        push("library/another"),
        push("library/another")
    );
    files::wait_for(&server.data().join("blobs"), 1).await;
    files::wait_for(&server.data().join("uploads"), 0).await;
    assert_sound(server.data());
}
