//! Registry endpoints, with a Docker Hub double behind them.

use berth_testkit::hub::{Hub, HubSettings};
use http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::berth::Berth;

fn endpoint(url: &str) -> Value {
    json!({
        "name": "upstream", "type": "docker-registry", "url": url,
        "description": "for tests",
        "credential": { "type": "basic", "access_key": "ann", "access_secret": "secret" },
    })
}

async fn registry() -> (Berth, Hub) {
    let hub = Hub::start_with(HubSettings::basic("ann", "secret")).await;
    let berth = Berth::start().await;
    let answer = berth
        .send("admin", "POST /registries", endpoint(&hub.url()))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    assert_eq!(answer.header("location"), "/api/v2.0/registries/2");
    (berth, hub)
}

#[tokio::test]
async fn an_endpoint_never_shows_its_secret() {
    let (berth, hub) = registry().await;
    let answer = berth.get("admin", "/registries/2").await.to_string();
    assert_snapshot!(answer.replace(&hub.url(), "http://upstream.test"), @r#"
    200 OK
    content-type: application/json
    {
      "creation_time": "2029-12-17T00:00:00.000Z",
      "credential": {
        "access_key": "ann",
        "access_secret": "*****",
        "type": "basic"
      },
      "description": "for tests",
      "id": 2,
      "name": "upstream",
      "type": "docker-registry",
      "update_time": "2029-12-17T00:00:00.000Z",
      "url": "http://upstream.test"
    }
    "#);
    assert!(!answer.contains("\"secret\""), "{answer}");
}

#[tokio::test]
async fn endpoints_are_an_administrators_business() {
    let berth = Berth::with_users().await;
    for line in [
        "GET /registries",
        "GET /registries/1",
        "DELETE /registries/1",
    ] {
        let answer = berth.send("ann", line, Value::Null).await;
        assert_eq!(answer.failure(), (403, "FORBIDDEN".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn endpoints_are_listed_by_number_and_found_by_name() {
    let (berth, _hub) = registry().await;
    let all = berth.get("admin", "/registries").await;
    assert_eq!(all.each("name"), ["Docker Hub", "upstream"]);
    let found = berth.get("admin", "/registries?name=UP").await;
    assert_eq!(found.each("name"), ["upstream"]);
    let found = berth.get("admin", "/registries?q=type%3Ddocker-hub").await;
    assert_eq!(found.each("name"), ["Docker Hub"]);
}

#[tokio::test]
async fn an_endpoint_that_breaks_a_rule_is_refused() {
    let (berth, hub) = registry().await;
    for (field, value, status) in [
        ("name", json!(""), 400),
        ("name", json!("n".repeat(65)), 400),
        ("name", json!("upstream"), 409),
        ("type", json!("harbor"), 400),
        ("url", json!("ftp://upstream.test"), 400),
        ("url", json!(""), 400),
        ("ca_certificate", json!("-----BEGIN"), 400),
    ] {
        let mut request = endpoint(&hub.url());
        request[field] = value;
        let shown = request.to_string();
        let answer = berth.send("admin", "POST /registries", request).await;
        assert_eq!(answer.failure().0, status, "{shown}: {answer}");
    }
}

#[tokio::test]
async fn a_registry_that_refuses_the_login_is_not_taken() {
    let (berth, hub) = registry().await;
    let mut request = endpoint(&hub.url());
    request["name"] = json!("other");
    request["credential"]["access_secret"] = json!("wrong");
    let answer = berth.send("admin", "POST /registries", request).await;
    assert_eq!(
        answer.failure(),
        (400, "BAD_REQUEST".to_owned()),
        "{answer}"
    );
}

#[tokio::test]
async fn a_ping_says_whether_a_registry_is_there() {
    let (berth, hub) = registry().await;
    let ping = async |body: Value| {
        berth
            .send("admin", "POST /registries/ping", body)
            .await
            .status
    };
    assert_eq!(ping(json!({ "id": 2 })).await, StatusCode::OK);
    assert_eq!(ping(json!({ "id": 9 })).await, StatusCode::NOT_FOUND);
    assert_eq!(ping(json!({})).await, StatusCode::BAD_REQUEST);
    let tried = json!({
        "type": "docker-registry", "url": hub.url(),
        "access_key": "ann", "access_secret": "secret",
    });
    assert_eq!(ping(tried).await, StatusCode::OK);
    hub.stop().await;
    assert_eq!(ping(json!({ "id": 2 })).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let (berth, _hub) = registry().await;
    let change = json!({ "name": "renamed", "description": "" });
    let answer = berth.send("admin", "PUT /registries/2", change).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let shown = berth.get("admin", "/registries/2").await.json();
    assert_eq!(shown["name"], "renamed");
    assert_eq!(shown["description"], Value::Null);
    assert_eq!(shown["credential"]["access_key"], "ann");
}

#[tokio::test]
async fn a_stored_secret_is_not_sent_to_another_address() {
    let (berth, _hub) = registry().await;
    let other = Hub::start_with(HubSettings::open()).await;
    let change = json!({ "url": other.url() });
    let answer = berth.send("admin", "PUT /registries/2", change).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let shown = berth.get("admin", "/registries/2").await.json();
    assert_eq!(shown["credential"], Value::Null);
    assert!(!other.log().join("\n").to_lowercase().contains("basic"));
}

#[tokio::test]
async fn an_endpoint_in_use_stays() {
    let (berth, _hub) = registry().await;
    let used = berth
        .send("admin", "DELETE /registries/1", Value::Null)
        .await;
    assert_snapshot!(used, @r#"
    412 Precondition Failed
    content-type: application/json
    {
      "errors": [
        {
          "code": "PRECONDITION",
          "message": "registry 1 is still in use"
        }
      ]
    }
    "#);
    let unused = berth
        .send("admin", "DELETE /registries/2", Value::Null)
        .await;
    assert_eq!(unused.status, StatusCode::OK, "{unused}");
    let gone = berth
        .send("admin", "DELETE /registries/2", Value::Null)
        .await;
    assert_eq!(gone.failure(), (404, "NOT_FOUND".to_owned()));
}
