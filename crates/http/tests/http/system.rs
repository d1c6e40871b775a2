//! What needs no project: ping, health, system information, the first start,
//! and requests that no route takes.

use axum::body::Body;
use berth_domain::Secret;
use berth_service::ADMIN;
use http::StatusCode;
use insta::assert_snapshot;
use serde_json::Value;

use crate::berth::{Berth, authorized, first_start, request};

#[tokio::test]
async fn a_ping_is_answered_to_anyone() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("", "/ping").await, @r#"
    200 OK
    content-type: text/plain; charset=utf-8
    Pong
    "#);
}

#[tokio::test]
async fn the_apis_version_is_told_to_anyone() {
    let berth = Berth::start().await;
    let request = http::Request::get("/api/version").body(Body::empty());
    assert_snapshot!(berth.answer(request.unwrap()).await, @r#"
    200 OK
    content-type: application/json
    {
      "version": "v2.0"
    }
    "#);
}

#[tokio::test]
async fn health_names_each_component() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("", "/health").await, @r#"
    200 OK
    content-type: application/json
    {
      "components": [
        {
          "name": "core",
          "status": "healthy"
        },
        {
          "name": "database",
          "status": "healthy"
        },
        {
          "name": "registry",
          "status": "healthy"
        }
      ],
      "status": "healthy"
    }
    "#);
}

#[tokio::test]
async fn who_is_not_logged_in_is_told_how_to_log_in_and_no_more() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("", "/systeminfo").await, @r#"
    200 OK
    content-type: application/json
    {
      "auth_mode": "db_auth",
      "banner_message": "",
      "oidc_provider_name": "",
      "primary_auth_mode": false,
      "self_registration": false
    }
    "#);
}

#[tokio::test]
async fn a_user_is_told_the_version_and_the_address() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("admin", "/systeminfo").await, @r#"
    200 OK
    content-type: application/json
    {
      "auth_mode": "db_auth",
      "banner_message": "",
      "current_time": "2029-12-17T00:00:00.000Z",
      "external_url": "https://berth.test",
      "harbor_version": "v2.16.0-berth.0.1.0",
      "has_ca_root": false,
      "notification_enable": false,
      "oidc_provider_name": "",
      "primary_auth_mode": false,
      "project_creation_restriction": "everyone",
      "read_only": false,
      "registry_storage_provider_name": "filesystem",
      "registry_url": "berth.test",
      "self_registration": false
    }
    "#);
}

#[tokio::test]
async fn an_unknown_path_has_an_error_of_the_api() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("admin", "/no/such/route").await, @r#"
    404 Not Found
    content-type: application/json
    {
      "errors": [
        {
          "code": "NOT_FOUND",
          "message": "there is no such route"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_not_allowed() {
    let berth = Berth::start().await;
    let answer = berth.send("admin", "DELETE /users", Value::Null).await;
    assert_snapshot!(answer, @r#"
    405 Method Not Allowed
    allow: GET,HEAD,POST
    content-type: application/json
    {
      "errors": [
        {
          "code": "METHOD_NOT_ALLOWED",
          "message": "the route has no such method"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn a_wrong_password_is_refused_even_where_nobody_needs_one() {
    let berth = Berth::start().await;
    let answer = berth.send_as("admin", "Wrong12345", "GET /projects", Value::Null);
    assert_snapshot!(answer.await, @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Basic realm="harbor"
    {
      "errors": [
        {
          "code": "UNAUTHORIZED",
          "message": "authentication is required"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn a_registry_token_is_no_login_to_the_api() {
    let berth = Berth::start().await;
    let token = http::Request::get("/service/token?service=harbor-registry");
    let token = authorized(token, "admin", crate::berth::PASSWORD).body(Body::empty());
    let token = berth.answer(token.unwrap()).await.json()["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let request = request("GET /users").header("authorization", bearer);
    let answer = berth.answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
}

#[tokio::test]
async fn what_instances_ask_each_other_is_answered_to_nobody_else() {
    let berth = Berth::start().await;
    let fill = format!("/berth/fills/sha256:{}/library/app", "0".repeat(64));
    let token = http::Request::get("/service/token?service=harbor-registry");
    let token = authorized(token, "admin", crate::berth::PASSWORD).body(Body::empty());
    let token = berth.answer(token.unwrap()).await.json()["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let get = || http::Request::get(&fill);
    for request in [
        get(),
        authorized(get(), "admin", crate::berth::PASSWORD),
        get().header("authorization", bearer),
    ] {
        let answer = berth.answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused() {
    let berth = Berth::start().await;
    let request = authorized(request("POST /projects"), "admin", crate::berth::PASSWORD)
        .header("content-type", "application/json")
        .body(Body::from(vec![b' '; 1024 * 1024 + 1]));
    let answer = berth.answer(request.unwrap()).await;
    assert_eq!(
        answer.failure(),
        (413, "REQUEST_ENTITY_TOO_LARGE".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let berth = Berth::start().await;
    for (media_type, body, failure) in [
        (
            "application/x-www-form-urlencoded",
            "a=b",
            (415, "UNSUPPORTED_MEDIA_TYPE"),
        ),
        ("application/json", "{", (400, "BAD_REQUEST")),
        (
            "application/json",
            "{\"project_name\": 1}",
            (400, "BAD_REQUEST"),
        ),
        ("application/json", "", (422, "UNPROCESSABLE_ENTITY")),
    ] {
        let request = authorized(request("POST /projects"), "admin", crate::berth::PASSWORD)
            .header("content-type", media_type)
            .body(Body::from(body));
        let answer = berth.answer(request.unwrap()).await;
        assert_eq!(
            answer.failure(),
            (failure.0, failure.1.to_owned()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_first_start_makes_admin_library_and_dockerhub() {
    let berth = Berth::start().await;
    let projects = berth.get("admin", "/projects").await;
    assert_eq!(projects.each("name"), ["dockerhub", "library"]);
    assert_eq!(projects.each("registry_id"), ["1", "null"]);
    assert_eq!(
        berth.get("admin", "/users").await.each("username"),
        ["admin"]
    );
}

#[tokio::test]
async fn the_first_start_happens_once() {
    let berth = Berth::start().await;
    assert!(!berth.service.first_start(first_start()).await.unwrap());
    let registries = berth.get("admin", "/registries").await;
    assert_eq!(registries.each("name"), ["Docker Hub"]);
}

#[tokio::test]
async fn a_first_start_that_broke_off_is_finished_by_the_next() {
    let berth = Berth::start().await;
    let admin = berth.service.user(ADMIN).await.unwrap();
    let access = &berth.service.ports().access;
    access.delete_user(ADMIN, admin.version).await.unwrap();
    assert!(berth.service.first_start(first_start()).await.unwrap());
    let registries = berth.get("admin", "/registries").await;
    assert_eq!(registries.each("name"), ["Docker Hub"]);
    let projects = berth.get("admin", "/projects").await;
    assert_eq!(projects.each("current_user_role_id"), ["1", "1"]);
}

#[tokio::test]
async fn starts_that_race_make_one_of_each() {
    let berth = Berth::unused();
    let (service, other) = (&berth.service, &berth.service);
    let results = tokio::join!(
        service.first_start(first_start()),
        other.first_start(first_start())
    );
    assert!(results.0.unwrap() ^ results.1.unwrap());
    let registries = berth.get("admin", "/registries").await;
    assert_eq!(registries.each("name"), ["Docker Hub"]);
    let projects = berth.get("admin", "/projects").await;
    assert_eq!(projects.each("name"), ["dockerhub", "library"]);
}

#[tokio::test]
async fn a_login_at_docker_hub_counts_from_the_next_start_on() {
    let berth = Berth::start().await;
    let login = |password| {
        let (service, password) = (&berth.service, Secret::new(password));
        async move { service.set_dockerhub_login("berth", &password).await }
    };
    login("one").await.unwrap();
    let set = berth.get("admin", "/registries/1").await;
    assert_snapshot!(set, @r#"
    200 OK
    content-type: application/json
    {
      "creation_time": "2029-12-17T00:00:00.000Z",
      "credential": {
        "access_key": "berth",
        "access_secret": "*****",
        "type": "basic"
      },
      "description": "Made at the first start, for the project dockerhub",
      "id": 1,
      "name": "Docker Hub",
      "type": "docker-hub",
      "update_time": "2029-12-17T00:00:00.000Z",
      "url": "https://hub.docker.com"
    }
    "#);
    let version = || async {
        let endpoint = berth.service.registry(berth_domain::RegistryId(1)).await;
        endpoint.unwrap().version.0
    };
    let before = version().await;
    login("one").await.unwrap();
    assert_eq!(version().await, before, "nothing changed");
    login("two").await.unwrap();
    assert_eq!(version().await, before + 1);
}
