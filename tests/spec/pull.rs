//! Section "Pull".

use berth_testkit::image::{Image, Index, seeded_bytes};

use crate::support::http::{Answer, Client};
use crate::support::server::Server;

const REPOSITORY: &str = "library/pull";
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn manifest(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

fn blob(digest: &str) -> String {
    format!("/v2/{REPOSITORY}/blobs/{digest}")
}

async fn pushed_image() -> (Server, Client, Image) {
    let server = Server::start().await;
    let image = Image::random(1000);
    server.admin().push_image(REPOSITORY, "v1", &image).await;
    let client = server.admin();
    (server, client, image)
}

#[tokio::test]
async fn a_manifest_is_pulled_by_tag_and_by_digest() {
    let (_server, client, image) = pushed_image().await;
    let digest = image.digest().to_string();
    for reference in ["v1", &digest] {
        let answer = client.get(&manifest(reference)).send().await.expect(200);
        assert_eq!(answer.body, image.manifest.bytes);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.header("content-type"), image.manifest.media_type);
        assert_eq!(
            answer.header("content-length"),
            image.manifest.bytes.len().to_string()
        );
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_there_is_404() {
    let (_server, client, image) = pushed_image().await;
    let config = image.config.digest.to_string();
    for reference in ["v2", ABSENT, &config] {
        client
            .get(&manifest(reference))
            .send()
            .await
            .refused(404, "MANIFEST_UNKNOWN");
        client.head(&manifest(reference)).send().await.expect(404);
    }
}

#[tokio::test]
async fn a_blob_is_pulled_by_its_digest() {
    let (_server, client, image) = pushed_image().await;
    for held in image.blobs() {
        let digest = held.digest.to_string();
        let answer = client.get(&blob(&digest)).send().await.expect(200);
        assert_eq!(answer.body, held.bytes);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(
            answer.header("content-length"),
            held.bytes.len().to_string()
        );
    }
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_404() {
    let (_server, client, image) = pushed_image().await;
    for digest in [ABSENT, &image.digest().to_string()] {
        client
            .get(&blob(digest))
            .send()
            .await
            .refused(404, "BLOB_UNKNOWN");
        client.head(&blob(digest)).send().await.expect(404);
    }
}

#[tokio::test]
async fn a_blob_of_one_repository_is_not_in_another() {
    let (_server, client, image) = pushed_image().await;
    let path = format!("/v2/library/other/blobs/{}", image.config.digest);
    client.get(&path).send().await.refused(404, "BLOB_UNKNOWN");
    client.head(&path).send().await.expect(404);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (_server, client, image) = pushed_image().await;
    let digest = image.digest().to_string();
    let layer = image.layers[0].digest.to_string();
    for path in [manifest("v1"), manifest(&digest), blob(&layer)] {
        let head = client.head(&path).send().await.expect(200);
        let get = client.get(&path).send().await.expect(200);
        assert!(head.body.is_empty());
        let described = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            headers.remove("x-request-id");
            headers
        };
        assert_eq!(described(&head), described(&get), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        assert!(head.header("docker-content-digest").starts_with("sha256:"));
    }
}

#[tokio::test]
async fn parts_of_a_blob_are_pulled_by_range() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = seeded_bytes(1, 0..2048);
    let digest = client
        .push_blob(REPOSITORY, bytes.clone())
        .await
        .to_string();
    for (range, start, end) in [
        ("bytes=0-0", 0, 0),
        ("bytes=500-1499", 500, 1499),
        ("bytes=500-", 500, 2047),
        ("bytes=-500", 1548, 2047),
        ("bytes=2000-5000", 2000, 2047),
        ("bytes=-9999", 0, 2047),
    ] {
        let answer = client
            .get(&blob(&digest))
            .header("range", range)
            .send()
            .await
            .expect(206);
        assert_eq!(answer.body, bytes.slice(start..=end), "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {start}-{end}/2048")
        );
        assert_eq!(
            answer.header("content-length"),
            (end - start + 1).to_string()
        );
        assert_eq!(answer.header("docker-content-digest"), digest);
    }
    let whole = client.get(&blob(&digest)).send().await.expect(200);
    assert_eq!(whole.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn a_range_outside_of_a_blob_is_416() {
    let server = Server::start().await;
    let client = server.admin();
    let digest = client
        .push_blob(REPOSITORY, seeded_bytes(2, 0..2048))
        .await
        .to_string();
    for range in ["bytes=2048-", "bytes=5000-10000", "bytes=500-0", "bytes=-0"] {
        let answer = client
            .get(&blob(&digest))
            .header("range", range)
            .send()
            .await
            .expect(416);
        assert_eq!(answer.header("content-range"), "bytes */2048", "{range}");
    }
}

#[tokio::test]
async fn a_range_that_is_none_gets_the_whole_blob() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = seeded_bytes(3, 0..100);
    let digest = client
        .push_blob(REPOSITORY, bytes.clone())
        .await
        .to_string();
    for range in [
        "lines=1-2",
        "bytes",
        "bytes=",
        "bytes=a-b",
        "bytes=-",
        "bytes=0-1,5-6",
    ] {
        let answer = client
            .get(&blob(&digest))
            .header("range", range)
            .send()
            .await
            .expect(200);
        assert_eq!(answer.body, bytes, "{range}");
    }
    let answer = client
        .get(&blob(&digest))
        .header("range", "bytes=0-9")
        .header("if-range", "\"another\"")
        .send()
        .await;
    assert_eq!(answer.expect(200).body, bytes);
}

#[tokio::test]
async fn what_a_client_holds_is_not_sent_again() {
    let (_server, client, image) = pushed_image().await;
    let (digest, layer) = (
        image.digest().to_string(),
        image.layers[0].digest.to_string(),
    );
    for path in [manifest("v1"), manifest(&digest), blob(&layer)] {
        let tag = client
            .head(&path)
            .send()
            .await
            .expect(200)
            .header("etag")
            .to_owned();
        let conditional = |tag: &str| client.get(&path).header("if-none-match", tag).send();
        let answer = conditional(&tag).await.expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), tag);
        conditional("\"another\"").await.expect(200);
    }
    let absent = client
        .get(&blob(ABSENT))
        .header("if-none-match", &format!("\"{ABSENT}\""));
    absent.send().await.expect(404);
}

#[tokio::test]
async fn a_reference_is_a_tag_or_a_digest() {
    let (_server, client, image) = pushed_image().await;
    let longest = "t".repeat(128);
    let put = |reference: String| {
        let client = client.clone();
        let manifest = image.manifest.clone();
        async move {
            client
                .push_manifest(REPOSITORY, &reference, &manifest)
                .await
        }
    };
    for tag in ["_", "A.b-c_9", "0", &longest] {
        put(tag.to_owned()).await.expect(201);
        client.get(&manifest(tag)).send().await.expect(200);
    }
    for tag in [
        ".a",
        "-a",
        "a%20b",
        "a%2Bb",
        "%C3%A4",
        &format!("{longest}t"),
    ] {
        put(tag.to_owned()).await.refused(400, "MANIFEST_INVALID");
        client
            .get(&manifest(tag))
            .send()
            .await
            .refused(404, "MANIFEST_UNKNOWN");
    }
    for digest in [
        "sha256:",
        "sha256:abc",
        "sha256:baddigeststring",
        "md5:0123",
        "a:b",
    ] {
        put(digest.to_owned()).await.refused(400, "DIGEST_INVALID");
        client
            .get(&manifest(digest))
            .send()
            .await
            .refused(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn a_repository_name_follows_the_grammar() {
    let server = Server::start().await;
    let client = server.admin();
    for name in [
        "library/a",
        "library/a.b_c__d-e---f/0",
        "library/a/b/c/d/e/f",
    ] {
        client.push_blob(name, "x").await;
    }
    for name in [
        "library/A",
        "library/-a",
        "library/a-",
        "library/a..b",
        "library/a___b",
        "library//a",
        "library/a%20b",
    ] {
        let path = format!("/v2/{name}/blobs/uploads/");
        client.post(&path).send().await.refused(400, "NAME_INVALID");
        let path = format!("/v2/{name}/manifests/latest");
        client.get(&path).send().await.refused(400, "NAME_INVALID");
    }
}

#[tokio::test]
async fn an_unknown_repository_is_404() {
    let server = Server::start().await;
    let client = server.admin();
    for name in ["library/absent", "absent/absent"] {
        client
            .get(&format!("/v2/{name}/manifests/latest"))
            .send()
            .await
            .expect(404);
        client
            .get(&format!("/v2/{name}/blobs/{ABSENT}"))
            .send()
            .await
            .expect(404);
        client
            .get(&format!("/v2/{name}/tags/list"))
            .send()
            .await
            .refused(404, "NAME_UNKNOWN");
    }
}

#[tokio::test]
async fn nothing_is_compressed() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::builder()
        .layer(10)
        .annotation("long", "a".repeat(100_000))
        .build();
    client.push_image(REPOSITORY, "v1", &image).await;
    let text = client.push_blob(REPOSITORY, "a".repeat(100_000)).await;
    let index = Index::of(berth_testkit::image::Format::Oci, vec![image.clone()]);
    client.push_index(REPOSITORY, "index", &index).await;
    for path in [
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        manifest("v1"),
        manifest("index"),
        manifest("absent"),
        blob(&text.to_string()),
        format!("/v2/{REPOSITORY}/tags/list"),
        format!("/v2/{REPOSITORY}/referrers/{text}"),
    ] {
        let encodings = "gzip, deflate, br, zstd, *;q=0.1";
        let answer = client
            .get(&path)
            .header("accept-encoding", encodings)
            .send()
            .await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
        assert_eq!(answer.header("transfer-encoding"), "", "{path}");
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string(),
            "{path}"
        );
    }
}
