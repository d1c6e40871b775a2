//! Members.

use http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::berth::Berth;

const MEMBERS: &str = "/projects/team/members";

async fn team() -> Berth {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", false).await;
    berth
}

fn ben(role: i64) -> Value {
    json!({ "role_id": role, "member_user": { "username": "ben" } })
}

async fn add(berth: &Berth, member: Value) -> crate::berth::Answer {
    berth.send("ann", &format!("POST {MEMBERS}"), member).await
}

#[tokio::test]
async fn a_project_administrator_adds_members() {
    let berth = team().await;
    assert_snapshot!(add(&berth, ben(3)).await, @r#"
    201 Created
    location: /api/v2.0/projects/3/members/6
    "#);
    assert_snapshot!(berth.get("ann", &format!("{MEMBERS}/6")).await, @r#"
    200 OK
    content-type: application/json
    {
      "entity_id": 3,
      "entity_name": "ben",
      "entity_type": "u",
      "id": 6,
      "project_id": 3,
      "role_id": 3,
      "role_name": "guest"
    }
    "#);
    assert_eq!(
        berth.get("ben", "/projects/team").await.status,
        StatusCode::OK
    );
    let again = add(&berth, ben(3)).await;
    assert_eq!(again.failure(), (409, "CONFLICT".to_owned()));
}

#[tokio::test]
async fn a_member_is_named_by_number_too() {
    let berth = team().await;
    let member = json!({ "role_id": 2, "member_user": { "user_id": 3 } });
    assert_eq!(add(&berth, member).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_member_that_cannot_be_is_refused() {
    let berth = team().await;
    for (member, status) in [
        (ben(0), 400),
        (ben(6), 400),
        (json!({ "role_id": 2 }), 400),
        (
            json!({ "role_id": 2, "member_user": { "user_id": 9 } }),
            400,
        ),
        (
            json!({ "role_id": 2, "member_user": { "username": "nobody" } }),
            404,
        ),
        (
            json!({ "role_id": 2, "member_group": { "group_name": "all" } }),
            400,
        ),
    ] {
        let shown = member.to_string();
        assert_eq!(add(&berth, member).await.failure().0, status, "{shown}");
    }
}

#[tokio::test]
async fn members_are_listed_by_name() {
    let berth = team().await;
    add(&berth, ben(4)).await;
    assert_snapshot!(berth.get("ben", MEMBERS).await, @r#"
    200 OK
    content-type: application/json
    x-total-count: 2
    [
      {
        "entity_id": 2,
        "entity_name": "ann",
        "entity_type": "u",
        "id": 4,
        "project_id": 3,
        "role_id": 1,
        "role_name": "projectAdmin"
      },
      {
        "entity_id": 3,
        "entity_name": "ben",
        "entity_type": "u",
        "id": 6,
        "project_id": 3,
        "role_id": 4,
        "role_name": "maintainer"
      }
    ]
    "#);
    let found = berth.get("ann", &format!("{MEMBERS}?entityname=BE")).await;
    assert_eq!(found.each("entity_name"), ["ben"]);
}

#[tokio::test]
async fn a_role_changes_at_once() {
    let berth = team().await;
    add(&berth, ben(3)).await;
    let line = format!("PUT {MEMBERS}/6");
    let refused = berth.send("ben", &line, json!({ "role_id": 1 })).await;
    assert_eq!(refused.failure(), (403, "FORBIDDEN".to_owned()));
    let answer = berth.send("ann", &line, json!({ "role_id": 1 })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let answer = berth.send("ben", "PUT /projects/team", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn a_member_that_is_taken_out_sees_the_project_no_more() {
    let berth = team().await;
    add(&berth, ben(5)).await;
    let members = berth.get("ben", MEMBERS).await;
    assert_eq!(members.failure().0, 403, "a limited guest sees no members");
    let line = format!("DELETE {MEMBERS}/6");
    let answer = berth.send("ann", &line, Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(berth.get("ben", "/projects/team").await.failure().0, 403);
    let again = berth.send("ann", &line, Value::Null).await;
    assert_eq!(again.failure(), (404, "NOT_FOUND".to_owned()));
    let odd = berth.get("ann", &format!("{MEMBERS}/7")).await;
    assert_eq!(odd.failure(), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn the_memberships_of_a_deleted_user_are_not_listed() {
    let berth = team().await;
    add(&berth, ben(2)).await;
    berth.send("admin", "DELETE /users/3", Value::Null).await;
    let members = berth.get("ann", MEMBERS).await;
    assert_eq!(members.each("entity_name"), ["ann"]);
}
