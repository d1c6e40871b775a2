//! What the server does after its answers.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use berth_oci::Digest;
use rusqlite::Connection;

use crate::support::{PASSWORD, PATIENCE, Server, client, get};

/// Waits until `is` returns true.
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "it never happens: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a query of the server's database has this answer.
fn wait_for(server: &Server, sql: &str, expected: i64) {
    let database = Connection::open(Path::new(&server.data()).join("metadata.sqlite")).unwrap();
    wait_until(sql, || {
        let found: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        found == expected
    });
}

/// Files of unfinished uploads.
fn unfinished(server: &Server) -> usize {
    fs::read_dir(Path::new(&server.data()).join("uploads"))
        .unwrap()
        .count()
}

/// Starts an upload and sends a first chunk; returns its address.
async fn begin_upload(server: &Server) -> String {
    let client = client();
    let start = client.post(format!("{}/v2/library/x/blobs/uploads/", server.url));
    let started = start
        .basic_auth("admin", Some(PASSWORD))
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), 202);
    let location = started.headers()["location"].to_str().unwrap().to_owned();
    let chunk = client
        .patch(format!("{}{location}", server.url))
        .basic_auth("admin", Some(PASSWORD))
        .header("content-type", "application/octet-stream")
        .body("hello");
    let sent = chunk.send().await.unwrap();
    assert_eq!(sent.status(), 202);
    let location = sent.headers()["location"].to_str().unwrap();
    format!("{}{location}", server.url)
}

#[tokio::test]
async fn an_upload_that_nobody_continues_is_given_up_with_its_bytes() {
    let server = Server::start(&["--upload-idle-seconds", "3"]);
    let upload = begin_upload(&server).await;
    assert_eq!(unfinished(&server), 1);
    wait_for(&server, "SELECT count(*) FROM uploads", 0);
    assert_eq!(get(&upload, Some(PASSWORD)).await.0, 404);
    wait_until("its bytes are gone", || unfinished(&server) == 0);
}

#[tokio::test]
async fn a_deleted_manifest_loses_its_edges() {
    let server = Server::start(&[]);
    let config = Digest::sha256(b"{}");
    let push = |request: reqwest::RequestBuilder, media_type: &str, body: String| {
        let request = request
            .basic_auth("admin", Some(PASSWORD))
            .header("content-type", media_type);
        request.body(body).send()
    };
    let url = format!("{}/v2/library/x", server.url);
    let blob = client().post(format!("{url}/blobs/uploads/?digest={config}"));
    let answer = push(blob, "application/octet-stream", "{}".to_owned())
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2},
        "layers": [],
    });
    let put = client().put(format!("{url}/manifests/a"));
    let answer = push(put, media_type, manifest.to_string()).await.unwrap();
    let digest = answer.headers()["docker-content-digest"]
        .to_str()
        .unwrap()
        .to_owned();
    wait_for(&server, "SELECT count(*) FROM edges", 1);
    let delete = client().delete(format!("{url}/manifests/{digest}"));
    let answer = delete
        .basic_auth("admin", Some(PASSWORD))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    wait_for(&server, "SELECT count(*) FROM edges", 0);
}

#[test]
fn a_job_of_a_newer_version_becomes_a_dead_letter() {
    let server = Server::start(&[]);
    let database = Connection::open(Path::new(&server.data()).join("metadata.sqlite")).unwrap();
    let job = r#"{"v":99,"id":"00000000000000000000000000000001","job":{"kind":"sweep_uploads"}}"#;
    database
        .execute(
            "INSERT INTO jobs (envelope, visible_at, attempt) VALUES (?1, 0, 0)",
            [job],
        )
        .unwrap();
    wait_for(
        &server,
        "SELECT count(*) FROM dead_letters WHERE reason LIKE '%version 99%'",
        1,
    );
}
