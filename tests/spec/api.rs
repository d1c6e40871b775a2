//! Sections "API" and "Registry Proxying".

use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::Image;

use crate::support::http::Client;
use crate::support::server::Server;

const REPOSITORY: &str = "library/api";
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The codes of the spec's table.
const CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
];

/// A server with the proxy project `cache` of a registry.
async fn proxying(hub: &Hub) -> (Server, Client) {
    let server = Server::builder()
        .args(["--tag-freshness-seconds", "0"])
        .start()
        .await;
    let client = server.admin();
    let registry = client.create_registry("hub", &hub.url(), None).await;
    client.create_proxy_project("cache", registry, true).await;
    (server, client)
}

#[tokio::test]
async fn the_base_says_that_this_is_a_registry() {
    let server = Server::start().await;
    for path in ["/v2/", "/v2"] {
        server.admin().get(path).send().await.expect(200);
        let answer = server
            .anonymous()
            .get(path)
            .send()
            .await
            .refused(401, "UNAUTHORIZED");
        let realm = format!("Bearer realm=\"{}/service/token\"", server.url());
        assert!(answer.header("www-authenticate").starts_with(&realm));
    }
}

#[tokio::test]
async fn every_category_of_the_spec_is_there() {
    let server = Server::start().await;
    let client = server.admin();
    let image = Image::random(10);
    client.push_image(REPOSITORY, "a", &image).await;
    let digest = image.digest();
    for path in [
        format!("/v2/{REPOSITORY}/manifests/a"),
        format!("/v2/{REPOSITORY}/blobs/{}", image.config.digest),
        format!("/v2/{REPOSITORY}/tags/list"),
        format!("/v2/{REPOSITORY}/referrers/{digest}"),
    ] {
        client.get(&path).send().await.expect(200);
    }
    client
        .delete(&format!("/v2/{REPOSITORY}/manifests/{digest}"))
        .send()
        .await
        .expect(202);
}

#[tokio::test]
async fn every_answer_names_the_version_of_the_api() {
    let server = Server::start().await;
    let client = server.admin();
    client.push_image(REPOSITORY, "a", &Image::random(10)).await;
    for path in [
        "/v2/",
        "/v2/_catalog",
        "/v2/library/api/manifests/a",
        "/v2/library/api/manifests/b",
        "/v2/library/api/tags/list",
        "/v2/no/such/endpoint",
    ] {
        for client in [&client, &server.anonymous()] {
            let answer = client.get(path).send().await;
            let version = answer.header("docker-distribution-api-version");
            assert_eq!(version, "registry/2.0", "{path}");
        }
    }
}

#[tokio::test]
async fn errors_have_the_form_and_the_codes_of_the_spec() {
    let server = Server::start().await;
    let admin = server.admin();
    admin.push_image(REPOSITORY, "a", &Image::random(10)).await;
    let ann = admin.create_user("ann", "Ann-Passw0rd").await;
    let at = |rest: &str| format!("/v2/{REPOSITORY}/{rest}");
    let upload = admin.start_upload(REPOSITORY).await;
    let requests = [
        admin.get(&at("manifests/absent")),
        admin.get(&at(&format!("blobs/{ABSENT}"))),
        admin.get(&at("blobs/sha256:abc")),
        admin.get(&at("tags/list?n=x")),
        admin.get(&at("referrers/x")),
        admin.get(&at("blobs/uploads/absent")),
        admin.get("/v2/library/Bad/tags/list"),
        admin.get("/v2/absent/absent/tags/list"),
        admin.get("/v2/no-such-endpoint"),
        admin.get("/v2/library/api/nothing/here"),
        admin.post(&at("manifests/a")),
        admin.put(&at("manifests/a")).body("[]"),
        admin.put(&at("manifests/a?tag=b")).body("{}"),
        admin.put(&upload).body("x"),
        admin
            .patch(&upload)
            .header("content-range", "7-7")
            .body("x"),
        admin.patch(&upload).header("content-range", "x").body("x"),
        admin
            .patch(&upload)
            .header("content-range", "0-8")
            .body("x"),
        ann.post(&at("blobs/uploads/")),
        ann.login("ann", "wrong").get(&at("tags/list")),
        server.anonymous().post(&at("blobs/uploads/")),
    ];
    for request in requests {
        let answer = request.send().await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{answer:?}"
        );
        let body = answer.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        for error in body["errors"].as_array().unwrap() {
            assert!(
                CODES.contains(&error["code"].as_str().unwrap()),
                "{answer:?}"
            );
            assert!(!error["message"].as_str().unwrap().is_empty(), "{answer:?}");
        }
        assert!(!body["errors"].as_array().unwrap().is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_method_that_an_endpoint_does_not_have_is_405() {
    let server = Server::start().await;
    let client = server.admin();
    for (path, allow) in [
        ("/v2/".to_owned(), "GET, HEAD"),
        (
            format!("/v2/{REPOSITORY}/manifests/a"),
            "GET, HEAD, PUT, DELETE",
        ),
        (
            format!("/v2/{REPOSITORY}/blobs/{ABSENT}"),
            "GET, HEAD, DELETE",
        ),
        (format!("/v2/{REPOSITORY}/tags/list"), "GET, HEAD"),
    ] {
        let answer = client.post(&path).send().await.refused(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn too_many_failed_logins_are_429_with_the_time_to_wait() {
    let server = Server::start().await;
    let wrong = server.anonymous().login("admin", "wrong");
    for _ in 0..50 {
        let answer = wrong.get("/v2/").send().await;
        if answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!(seconds >= 1);
            assert_eq!(answer.code(), "TOOMANYREQUESTS");
            return;
        }
        answer.refused(401, "UNAUTHORIZED");
    }
    panic!("fifty wrong passwords were tried");
}

#[tokio::test]
async fn a_stale_answer_has_a_warning_of_the_specs_form() {
    let hub = Hub::start_with(HubSettings::open()).await;
    hub.push_image("library/a", "latest", &Image::random(10));
    let (_server, client) = proxying(&hub).await;
    let pull = async || {
        client
            .get("/v2/cache/library/a/manifests/latest")
            .send()
            .await
            .expect(200)
    };
    assert_eq!(pull().await.header("warning"), "");
    hub.stop().await;
    let answer = pull().await;
    let warning = answer.header("warning");
    let text = warning
        .strip_prefix("299 - \"")
        .and_then(|rest| rest.strip_suffix('"'));
    assert!(
        text.is_some_and(|text| !text.is_empty() && !text.contains('"')),
        "{warning}"
    );
    let values = answer.headers.get_all("warning").iter();
    assert!(values.fold(0, |sum, value| sum + value.len()) <= 4096);
}

#[tokio::test]
async fn an_answer_scoped_by_ns_names_it() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let image = Image::random(10);
    hub.push_image("some/image", "latest", &image);
    let (_server, client) = proxying(&hub).await;
    let host = hub.url().replace("http://", "");
    let path = format!("/v2/some/image/manifests/latest?ns={host}");
    let answer = client.get(&path).send().await.expect(200);
    assert_eq!(answer.body, image.manifest.bytes);
    assert_eq!(answer.header("oci-namespace"), host);
    let local = client
        .get("/v2/cache/some/image/manifests/latest")
        .send()
        .await
        .expect(200);
    assert_eq!(local.header("oci-namespace"), "");
}
