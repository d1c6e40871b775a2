//! Projects and their metadata.

use axum::body::Body;
use berth_testkit::image::Image;
use http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::berth::{Berth, PASSWORD, authorized, request};

#[tokio::test]
async fn every_user_makes_projects_and_is_their_administrator() {
    let berth = Berth::with_users().await;
    let project = json!({ "project_name": "team" });
    assert_snapshot!(berth.send("ann", "POST /projects", project).await, @r#"
    201 Created
    location: /api/v2.0/projects/3
    "#);
    assert_snapshot!(berth.get("ann", "/projects/team").await, @r#"
    200 OK
    content-type: application/json
    {
      "creation_time": "2029-12-17T00:00:00.000Z",
      "current_user_role_id": 1,
      "current_user_role_ids": [
        1
      ],
      "cve_allowlist": {
        "creation_time": "2029-12-17T00:00:00.000Z",
        "id": 3,
        "items": [],
        "project_id": 3,
        "update_time": "2029-12-17T00:00:00.000Z"
      },
      "metadata": {
        "public": "false"
      },
      "name": "team",
      "owner_id": 2,
      "owner_name": "ann",
      "project_id": 3,
      "repo_count": 0,
      "update_time": "2029-12-17T00:00:00.000Z"
    }
    "#);
    let members = berth.get("ann", "/projects/team/members").await;
    assert_eq!(members.each("role_name"), ["projectAdmin"]);
}

#[tokio::test]
async fn the_location_names_the_project_if_asked_to() {
    let berth = Berth::start().await;
    let request = authorized(request("POST /projects"), "admin", PASSWORD)
        .header("x-resource-name-in-location", "true")
        .body(Body::from(r#"{"project_name":"team"}"#));
    let answer = berth.answer(request.unwrap()).await;
    assert_eq!(answer.header("location"), "/api/v2.0/projects/team");
}

#[tokio::test]
async fn a_project_that_breaks_a_rule_is_refused() {
    let berth = Berth::with_users().await;
    for (project, failure) in [
        (json!({ "project_name": "Team" }), (400, "BAD_REQUEST")),
        (json!({ "project_name": "" }), (400, "BAD_REQUEST")),
        (json!({ "project_name": "library" }), (409, "CONFLICT")),
        (
            json!({ "project_name": "team", "metadata": { "public": "yes" } }),
            (400, "BAD_REQUEST"),
        ),
        (
            json!({ "project_name": "team", "metadata": { "severity": "awful" } }),
            (400, "BAD_REQUEST"),
        ),
        (
            json!({ "project_name": "team", "metadata": { "retention_id": "1" } }),
            (400, "BAD_REQUEST"),
        ),
        (
            json!({ "project_name": "team", "registry_id": 1 }),
            (403, "FORBIDDEN"),
        ),
    ] {
        let shown = project.to_string();
        let answer = berth.send("ann", "POST /projects", project).await;
        assert_eq!(
            answer.failure(),
            (failure.0, failure.1.to_owned()),
            "{shown}"
        );
    }
    let unknown = json!({ "project_name": "team", "registry_id": 9 });
    let answer = berth.send("admin", "POST /projects", unknown).await;
    assert_eq!(answer.failure(), (400, "BAD_REQUEST".to_owned()));
}

#[tokio::test]
async fn an_administrator_makes_proxy_projects() {
    let berth = Berth::start().await;
    let project = json!({
        "project_name": "hub", "registry_id": 1,
        "metadata": { "public": "true", "proxy_speed_kb": "100", "enable_content_trust": "true" },
    });
    let answer = berth.send("admin", "POST /projects", project).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    assert_snapshot!(berth.get("", "/projects/hub").await, @r#"
    200 OK
    content-type: application/json
    {
      "creation_time": "2029-12-17T00:00:00.000Z",
      "current_user_role_ids": null,
      "cve_allowlist": {
        "creation_time": "2029-12-17T00:00:00.000Z",
        "id": 3,
        "items": [],
        "project_id": 3,
        "update_time": "2029-12-17T00:00:00.000Z"
      },
      "metadata": {
        "proxy_speed_kb": "100",
        "public": "true"
      },
      "name": "hub",
      "owner_id": 1,
      "owner_name": "admin",
      "project_id": 3,
      "registry_id": 1,
      "repo_count": 0,
      "update_time": "2029-12-17T00:00:00.000Z"
    }
    "#);
}

#[tokio::test]
async fn a_list_shows_what_its_reader_may_see() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "open", true).await;
    berth.create_project("ann", "team", false).await;
    berth.create_project("ben", "hidden", false).await;
    let names = async |user: &str, query: &str| {
        let answer = berth.get(user, &format!("/projects?{query}")).await;
        answer.each("name").join(" ")
    };
    assert_eq!(names("", "").await, "dockerhub library open");
    assert_eq!(names("", "public=false").await, "");
    assert_eq!(names("ann", "").await, "dockerhub library open team");
    assert_eq!(names("ann", "public=false").await, "team");
    assert_eq!(
        names("admin", "").await,
        "dockerhub hidden library open team"
    );
    assert_eq!(names("admin", "owner=ann&sort=-name").await, "team open");
    assert_eq!(names("admin", "owner=nobody").await, "");
    assert_eq!(names("admin", "name=E").await, "dockerhub hidden open team");
    assert_eq!(names("admin", "q=name%3Dteam").await, "team");
}

#[tokio::test]
async fn a_list_has_pages_a_total_and_links() {
    let berth = Berth::start().await;
    for name in ["a", "b", "c"] {
        berth.create_project("admin", name, true).await;
    }
    let answer = berth
        .get("", "/projects?page=2&page_size=2&q=name%3D~")
        .await;
    assert_eq!(answer.failure().0, 400, "an empty fuzzy value");
    let answer = berth
        .get("", "/projects?sort=-creation_time&page=2&page_size=2")
        .await;
    assert_eq!(answer.each("name"), ["c", "dockerhub"]);
    assert_eq!(answer.header("x-total-count"), "5");
    assert_snapshot!(answer.header("link"), @r#"</api/v2.0/projects?sort=-creation_time&page=1&page_size=2>; rel="prev" , </api/v2.0/projects?sort=-creation_time&page=3&page_size=2>; rel="next""#);
}

#[tokio::test]
async fn nobody_learns_whether_a_private_project_exists() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", false).await;
    assert_snapshot!(berth.get("", "/projects/team").await, @r#"
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
    assert_eq!(berth.get("", "/projects/nothing").await.failure().0, 401);
    assert_snapshot!(berth.get("ben", "/projects/team").await, @r#"
    403 Forbidden
    content-type: application/json
    {
      "errors": [
        {
          "code": "FORBIDDEN",
          "message": "the operation is not permitted"
        }
      ]
    }
    "#);
    assert_snapshot!(berth.get("ben", "/projects/nothing").await, @r#"
    404 Not Found
    content-type: application/json
    {
      "errors": [
        {
          "code": "NOT_FOUND",
          "message": "project nothing does not exist"
        }
      ]
    }
    "#);
    let update = berth.send("ben", "PUT /projects/library", json!({})).await;
    assert_eq!(update.failure(), (403, "FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn a_head_says_whether_a_name_is_taken() {
    let berth = Berth::with_users().await;
    let head = async |name: &str| {
        let line = format!("HEAD /projects?project_name={name}");
        berth.send("ann", &line, Value::Null).await.status
    };
    assert_eq!(head("library").await, StatusCode::OK);
    assert_eq!(head("nothing").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn digits_are_a_number_unless_a_header_says_that_they_are_a_name() {
    let berth = Berth::start().await;
    berth.create_project("admin", "2", true).await;
    let get = async |header: &str| {
        let request = request("GET /projects/2").header("x-is-resource-name", header);
        let answer = berth.answer(request.body(Body::empty()).unwrap()).await;
        answer.json()["project_id"].clone()
    };
    assert_eq!(get("false").await, 2);
    assert_eq!(get("true").await, 3);
}

#[tokio::test]
async fn an_update_changes_the_metadata_that_it_names() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", false).await;
    let change = json!({ "metadata": { "auto_scan": "true", "severity": "High" } });
    let answer = berth.send("ann", "PUT /projects/team", change).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let change = json!({ "metadata": { "public": "true" } });
    berth.send("ann", "PUT /projects/team", change).await;
    let metadata = &berth.get("", "/projects/team").await.json()["metadata"];
    let all = json!({ "auto_scan": "true", "public": "true", "severity": "high" });
    assert_eq!(*metadata, all);
}

#[tokio::test]
async fn metadata_are_read_and_written_one_by_one() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", false).await;
    let path = "/projects/team/metadatas";
    let line = |method: &str, key: &str| format!("{method} {path}/{key}");
    let one = json!({ "prevent_vul": "1" });
    let added = berth.send("ann", &line("POST", ""), one.clone()).await;
    assert_eq!(added.status, StatusCode::OK, "{added}");
    assert_eq!(
        berth.send("ann", &line("POST", ""), one).await.failure().0,
        409
    );
    assert_snapshot!(berth.get("ann", path).await, @r#"
    200 OK
    content-type: application/json
    {
      "prevent_vul": "true",
      "public": "false"
    }
    "#);
    let change = json!({ "prevent_vul": "false" });
    berth.send("ann", &line("PUT", "prevent_vul"), change).await;
    assert_snapshot!(berth.get("ann", &format!("{path}/prevent_vul")).await, @r#"
    200 OK
    content-type: application/json
    {
      "prevent_vul": "false"
    }
    "#);
    berth
        .send("ann", &line("DELETE", "prevent_vul"), Value::Null)
        .await;
    let gone = berth.get("ann", &format!("{path}/prevent_vul")).await;
    assert_eq!(gone.failure(), (404, "NOT_FOUND".to_owned()));
    let two = json!({ "prevent_vul": "true", "auto_scan": "true" });
    assert_eq!(
        berth.send("ann", &line("POST", ""), two).await.failure().0,
        400
    );
    assert_eq!(berth.get("ben", path).await.failure().0, 403);
}

#[tokio::test]
async fn a_project_with_repositories_cannot_be_deleted() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", false).await;
    berth.push("team/app", "v1", &Image::random(10)).await;
    assert_snapshot!(berth.get("ann", "/projects/team/_deletable").await, @r#"
    200 OK
    content-type: application/json
    {
      "message": "the project has repositories, delete them first"
    }
    "#);
    let refused = berth
        .send("ann", "DELETE /projects/team", Value::Null)
        .await;
    assert_snapshot!(refused, @r#"
    412 Precondition Failed
    content-type: application/json
    {
      "errors": [
        {
          "code": "PRECONDITION",
          "message": "team is still in use"
        }
      ]
    }
    "#);
    berth
        .send("ann", "DELETE /projects/team/repositories/app", Value::Null)
        .await;
    assert_snapshot!(berth.get("ann", "/projects/team/_deletable").await, @r#"
    200 OK
    content-type: application/json
    {
      "deletable": true
    }
    "#);
    let deleted = berth
        .send("ann", "DELETE /projects/team", Value::Null)
        .await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
    assert_eq!(berth.get("ann", "/projects/team").await.failure().0, 404);
}

#[tokio::test]
async fn a_summary_counts_members_for_members_only() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", true).await;
    assert_snapshot!(berth.get("ann", "/projects/team/summary").await, @r#"
    200 OK
    content-type: application/json
    {
      "project_admin_count": 1,
      "repo_count": 0
    }
    "#);
    assert_snapshot!(berth.get("", "/projects/team/summary").await, @r#"
    200 OK
    content-type: application/json
    {
      "repo_count": 0
    }
    "#);
}
