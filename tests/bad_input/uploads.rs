//! Uploads that break off, lie or do not exist.

use berth_oci::Digest;
use reqwest::Method;

use super::{REPOSITORY, assert_no_trace, head, raw, status};
use crate::support::http::{Client, with_query};
use crate::support::server::Server;

/// Where an upload stands.
async fn offset(client: &Client, location: &str) -> String {
    client
        .get(location)
        .send()
        .await
        .expect(204)
        .header("range")
        .to_owned()
}

#[tokio::test]
async fn a_content_range_that_is_malformed_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    for range in [
        "",
        "x",
        "1",
        "-",
        "-1",
        "0-",
        "1-0",
        "0-a",
        "0x0-1",
        "0-0-0",
        "0 - 1",
        "items 0-1/2",
        "0-18446744073709551615",
        "0-99999999999999999999",
    ] {
        for method in [Method::PATCH, Method::PUT] {
            let path = with_query(&location, &format!("digest={}", Digest::sha256(b"ab")));
            let request = client
                .request(method, &path)
                .header("content-range", range)
                .body("ab");
            let answer = request.send().await.expect(400);
            assert_eq!(answer.code(), "BLOB_UPLOAD_INVALID", "{range}");
        }
    }
    assert_eq!(offset(&client, &location).await, "0-0");
    client.delete(&location).send().await.expect(204);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_range_that_is_not_its_chunks_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    for range in ["0-0", "0-2", "0-1000000"] {
        let patch = client
            .patch(&location)
            .header("content-range", range)
            .body("ab");
        patch.send().await.refused(400, "SIZE_INVALID");
    }
    assert_eq!(offset(&client, &location).await, "0-0");
    let path = with_query(&location, &format!("digest={}", Digest::sha256(b"ab")));
    let put = client.put(&path).header("content-range", "0-2").body("ab");
    put.send().await.refused(400, "SIZE_INVALID");
    client.delete(&location).send().await.expect(204);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken() {
    let server = Server::start().await;
    let client = server.admin();
    let part = "a".repeat(70_000);
    let digest = Digest::sha256(part.as_bytes());
    let location = client.start_upload(REPOSITORY).await;
    let whole = "content-length: 100000\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    for (headers, body) in [
        (whole, part.clone()),
        (chunked, format!("{:x}\r\n{part}\r\n", part.len())),
        (chunked, format!("{:x}\r\n{part}", part.len() + 10)),
    ] {
        let single = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
        let closing = with_query(&location, &format!("digest={digest}"));
        for (method, path) in [("POST", single), ("PUT", closing)] {
            let request = head(method, &path, headers) + &body;
            let answer = raw(&server, request.as_bytes()).await;
            let status = status(&answer);
            assert!(
                status == 0 || (400..500).contains(&status),
                "{method} {headers}: {answer}"
            );
            let blob = format!("/v2/{REPOSITORY}/blobs/{digest}");
            client.get(&blob).send().await.refused(404, "BLOB_UNKNOWN");
        }
    }
    client.delete(&location).send().await.expect(204);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn what_came_before_a_stream_broke_off_can_be_continued() {
    let server = Server::start().await;
    let client = server.admin();
    let bytes = "a".repeat(70_000);
    let location = client.start_upload(REPOSITORY).await;
    let request = head("PATCH", &location, "content-length: 70000\r\n") + &bytes[..50_000];
    let answer = raw(&server, request.as_bytes()).await;
    assert!([0, 400].contains(&status(&answer)), "{answer}");
    let stands = client.get(&location).send().await.expect(204);
    let (_, end) = stands.header("range").split_once('-').unwrap();
    let end: usize = end.parse().unwrap();
    assert!(end < 50_000);
    let start = if end == 0 { 0 } else { end + 1 };
    let digest = Digest::sha256(bytes.as_bytes());
    let put = client.put(&with_query(&stands.location(), &format!("digest={digest}")));
    let created = put.body(bytes[start..].to_owned()).send().await.expect(201);
    assert_eq!(
        client
            .get(&created.location())
            .send()
            .await
            .expect(200)
            .body,
        bytes
    );
}

#[tokio::test]
async fn a_body_longer_than_announced_is_cut_and_refused() {
    let server = Server::start().await;
    let digest = Digest::sha256(b"abcdef");
    let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={digest}");
    let request = head("POST", &path, "content-length: 3\r\n") + "abcdef";
    let answer = raw(&server, request.as_bytes()).await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert!(answer.contains("DIGEST_INVALID"), "{answer}");
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn bytes_of_another_digest_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let other = format!("digest={}", Digest::sha256(b"other"));
    for size in [0, 1, 3_000_000] {
        let bytes = "a".repeat(size);
        let single = format!("/v2/{REPOSITORY}/blobs/uploads/?{other}");
        client
            .post(&single)
            .body(bytes.clone())
            .send()
            .await
            .refused(400, "DIGEST_INVALID");
        let location = client.start_upload(REPOSITORY).await;
        let put = client
            .put(&with_query(&location, &other))
            .body(bytes.clone());
        put.send().await.refused(400, "DIGEST_INVALID");
        let location = client.start_upload(REPOSITORY).await;
        let location = client
            .patch(&location)
            .body(bytes)
            .send()
            .await
            .expect(202)
            .location();
        let put = client.put(&with_query(&location, &other));
        put.send().await.refused(400, "DIGEST_INVALID");
        client
            .get(&location)
            .send()
            .await
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn uploads_that_are_not_there_are_unknown() {
    let server = Server::start().await;
    let client = server.admin();
    let digest = Digest::sha256(b"a");
    let long = "a".repeat(200);
    for id in [
        "absent",
        "00000000000000000000000000000000",
        "a%20b",
        "a%00",
        &long,
    ] {
        for method in [Method::GET, Method::PATCH, Method::PUT, Method::DELETE] {
            let path = format!("/v2/{REPOSITORY}/blobs/uploads/{id}?digest={digest}");
            let answer = client.request(method, &path).body("a").send().await;
            answer.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn another_repositorys_upload_is_unknown() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload("library/mine").await;
    let location = client
        .patch(&location)
        .body("ab")
        .send()
        .await
        .expect(202)
        .location();
    let theirs = location.replace("library/mine", REPOSITORY);
    let digest = Digest::sha256(b"ab");
    for method in [Method::GET, Method::PATCH, Method::PUT, Method::DELETE] {
        let path = with_query(&theirs, &format!("digest={digest}"));
        client
            .request(method, &path)
            .send()
            .await
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
    assert_eq!(offset(&client, &location).await, "0-1");
    client.delete(&location).send().await.expect(204);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn a_location_that_was_changed_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let location = client.start_upload(REPOSITORY).await;
    let path = location.split('?').next().unwrap();
    for epoch in ["x", "-1", "1.0", "99999999999999999999"] {
        let path = format!("{path}?epoch={epoch}");
        client
            .patch(&path)
            .body("a")
            .send()
            .await
            .refused(400, "BLOB_UPLOAD_INVALID");
    }
    client
        .patch(&format!("{path}?epoch=7"))
        .body("a")
        .send()
        .await
        .expect(416);
    client.delete(&location).send().await.expect(204);
    assert_no_trace(&server).await;
}
