//! Names, references, queries, headers.

use super::{REPOSITORY, assert_no_trace, head, raw, status};
use crate::support::server::Server;
use reqwest::Method;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let long = format!("library/{}", "a".repeat(300));
    let names = [
        "A/b",
        "library/B",
        "library/-b",
        "library/b-",
        "library/.b",
        "library/b.",
        "library/_b",
        "library/b..c",
        "library/b___c",
        "library/b._c",
        "library//b",
        "library/b%20c",
        "library/%00",
        "library/b%2F%2Fc",
        "library/%C3%A4",
        "library/%FF",
        "library/b:c",
        "library/b@c",
        "library/b%0D%0Ac",
        "library/..%2F..%2Fetc",
        &long,
    ];
    for name in names {
        for (method, rest) in [
            (Method::GET, "manifests/latest"),
            (Method::PUT, "manifests/latest"),
            (Method::DELETE, "manifests/latest"),
            (Method::POST, "blobs/uploads/"),
            (Method::GET, "tags/list"),
        ] {
            let path = format!("/v2/{name}/{rest}");
            let answer = client.request(method, &path).body("{}").send().await;
            answer.refused(400, "NAME_INVALID");
        }
    }
    let from = format!("/v2/{REPOSITORY}/blobs/uploads/?mount={DIGEST}&from=A//b");
    client.post(&from).send().await.refused(400, "NAME_INVALID");
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn digests_that_are_none_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let short = &DIGEST[..DIGEST.len() - 1];
    let long = format!("{DIGEST}0");
    let upper = DIGEST.replace('0', "F");
    let sha512 = DIGEST.replace("sha256", "sha512");
    let digests = [
        "sha256:",
        "sha256:zz",
        "SHA256:00",
        ":",
        "a:",
        ":00",
        "md5:0cc175b9c0f1b6a831c399e269772661",
        "sha384:00",
        short,
        &long,
        &upper,
        &sha512,
        "sha256:%00",
        "sha256+b64:AAAA",
    ];
    for digest in digests {
        for (method, path) in [
            (Method::GET, format!("manifests/{digest}")),
            (Method::PUT, format!("manifests/{digest}")),
            (Method::DELETE, format!("manifests/{digest}")),
            (Method::GET, format!("blobs/{digest}")),
            (Method::HEAD, format!("blobs/{digest}")),
            (Method::DELETE, format!("blobs/{digest}")),
            (Method::GET, format!("referrers/{digest}")),
            (Method::POST, format!("blobs/uploads/?digest={digest}")),
            (Method::POST, format!("blobs/uploads/?mount={digest}")),
        ] {
            let path = format!("/v2/{REPOSITORY}/{path}");
            let head = method == Method::HEAD;
            let answer = client.request(method, &path).send().await;
            if head {
                answer.expect(400)
            } else {
                answer.refused(400, "DIGEST_INVALID")
            };
        }
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn tags_that_are_none_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let long = "t".repeat(129);
    for tag in [
        ".t",
        "-t",
        "t%2Ft",
        "t%20t",
        "t+t",
        "%E2%82%AC",
        "t%00",
        &long,
    ] {
        let path = format!("/v2/{REPOSITORY}/manifests/{tag}");
        let put = client.put(&path).body("{}").send().await;
        assert!([400, 404].contains(&put.status), "{tag}: {}", put.text());
        client.get(&path).send().await.expect(404);
        client.delete(&path).send().await.expect(404);
    }
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn ranges_that_are_none_get_the_whole() {
    let server = Server::start().await;
    let client = server.admin();
    let digest = client.push_blob(REPOSITORY, "0123456789").await;
    let many = format!("bytes={}", vec!["0-0"; 2000].join(","));
    for range in [
        "",
        "bytes",
        "bytes=x",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "bytes=99999999999999999999999-",
        "bites=0-1",
        &many,
    ] {
        let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
        let answer = client.get(&path).header("range", range).send().await;
        assert!(
            [200, 416].contains(&answer.status),
            "{range}: {}",
            answer.status
        );
        if answer.status == 200 {
            assert_eq!(answer.body, "0123456789");
        }
    }
}

#[tokio::test]
async fn huge_paths_and_queries_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let long = "a".repeat(9000);
    for path in [
        format!("/v2/{REPOSITORY}/tags/list?last={long}"),
        format!("/v2/{REPOSITORY}/tags/list?{}", "n=1&".repeat(3000)),
        format!("/v2/{REPOSITORY}/manifests/{long}"),
        format!("/v2/{long}/manifests/latest"),
        format!("/v2/{}manifests/latest", "a/".repeat(4000)),
    ] {
        client.get(&path).send().await.expect(414);
    }
    let longest = head("GET", &format!("/v2/{}/tags/list", "a".repeat(70_000)), "");
    assert!([0, 414, 431].contains(&status(&raw(&server, longest.as_bytes()).await)));
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn huge_headers_are_refused() {
    let server = Server::start().await;
    let one = head(
        "GET",
        "/v2/",
        &format!("x-long: {}\r\n", "a".repeat(2_000_000)),
    );
    let many = head("GET", "/v2/", &"x-many: a\r\n".repeat(5000));
    for request in [one, many] {
        let answer = raw(&server, request.as_bytes()).await;
        assert!([0, 431].contains(&status(&answer)), "{answer}");
    }
    let token = format!("Bearer {}", "a".repeat(60_000));
    let client = server.anonymous().authorized(&token);
    let answer = client.get("/v2/").send().await;
    assert!([401, 431].contains(&answer.status));
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = Server::start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GARBAGE\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /v2/library/a/blobs/uploads/ HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        b"POST /v2/library/a/blobs/uploads/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /v2/library/a/blobs/uploads/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let answer = raw(&server, bytes).await;
        let status = status(&answer);
        assert!(status == 0 || (400..500).contains(&status), "{answer}");
    }
    server.admin().get("/v2/").send().await.expect(200);
    assert_no_trace(&server).await;
}

#[tokio::test]
async fn methods_and_endpoints_that_are_none_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    for path in [
        "/v2/library",
        "/v2/library/a",
        "/v2/library/a/blobs",
        "/v2//",
        "/v2/library/a/manifests/b/c",
    ] {
        client.get(path).send().await.expect(404);
    }
    for method in ["POST", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let path = format!("/v2/{REPOSITORY}/manifests/a");
        client
            .request(method, &path)
            .send()
            .await
            .refused(405, "UNSUPPORTED");
    }
    assert_no_trace(&server).await;
}
