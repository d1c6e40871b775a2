//! Proxy projects, with a Docker Hub double behind them.

use axum::body::Body;
use berth_testkit::hub::{Hub, HubSettings};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::berth::Berth;

#[tokio::test]
async fn what_the_upstream_does_not_have_is_unknown_as_what_was_asked_for() {
    let hub = Hub::start_with(HubSettings::open()).await;
    let berth = Berth::start().await;
    let endpoint = json!({ "name": "hub", "type": "docker-registry", "url": hub.url() });
    berth.send("admin", "POST /registries", endpoint).await;
    let project = json!({ "project_name": "cache", "public": true, "registry_id": 2 });
    berth.send("admin", "POST /projects", project).await;
    let digest = format!("sha256:{:064}", 0);
    for (path, code) in [
        (format!("blobs/{digest}"), "BLOB_UNKNOWN"),
        (format!("manifests/{digest}"), "MANIFEST_UNKNOWN"),
        ("manifests/latest".to_owned(), "MANIFEST_UNKNOWN"),
    ] {
        // The second answer is the remembered one.
        for _ in 0..2 {
            let request = Request::get(format!("/v2/cache/a/b/{path}"));
            let answer = berth.answer(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer}");
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body["errors"][0]["code"], code, "{path}");
            let message = body["errors"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("upstream: "), "{message}");
        }
    }
}
