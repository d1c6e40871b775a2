//! Users.

use http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::berth::{Berth, PASSWORD};

fn ann() -> Value {
    json!({
        "username": "ann", "email": "ann@berth.test", "realname": "Ann Lee",
        "comment": "first", "password": PASSWORD,
    })
}

#[tokio::test]
async fn an_administrator_makes_users() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.send("admin", "POST /users", ann()).await, @r#"
    201 Created
    location: /api/v2.0/users/2
    "#);
    assert_snapshot!(berth.get("admin", "/users/2").await, @r#"
    200 OK
    content-type: application/json
    {
      "admin_role_in_auth": false,
      "comment": "first",
      "creation_time": "2029-12-17T00:00:00.000Z",
      "email": "ann@berth.test",
      "realname": "Ann Lee",
      "sysadmin_flag": false,
      "update_time": "2029-12-17T00:00:00.000Z",
      "user_id": 2,
      "username": "ann"
    }
    "#);
}

#[tokio::test]
async fn users_cannot_make_users() {
    let berth = Berth::with_users().await;
    assert_snapshot!(berth.send("ben", "POST /users", ann()).await, @r#"
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
}

#[tokio::test]
async fn a_name_and_an_address_are_taken_once() {
    let berth = Berth::with_users().await;
    assert_snapshot!(berth.send("admin", "POST /users", ann()).await, @r#"
    409 Conflict
    content-type: application/json
    {
      "errors": [
        {
          "code": "CONFLICT",
          "message": "user ann exists already"
        }
      ]
    }
    "#);
    let mut other = ann();
    other["username"] = json!("other");
    let answer = berth.send("admin", "POST /users", other).await;
    assert_eq!(answer.failure(), (409, "CONFLICT".to_owned()), "{answer}");
}

#[tokio::test]
async fn a_user_that_breaks_a_rule_is_refused() {
    let berth = Berth::start().await;
    for (field, value) in [
        ("username", ""),
        ("username", "a,b"),
        ("email", ""),
        ("email", "nobody"),
        ("realname", ""),
        ("realname", "Lee, Ann"),
        ("comment", "a comment of more than thirty characters"),
        ("password", ""),
        ("password", "weak"),
    ] {
        let mut user = ann();
        user[field] = json!(value);
        let answer = berth.send("admin", "POST /users", user).await;
        let failure = (400, "BAD_REQUEST".to_owned());
        assert_eq!(answer.failure(), failure, "{field} {value:?}: {answer}");
    }
}

#[tokio::test]
async fn users_are_listed_by_name_and_in_pages() {
    let berth = Berth::with_users().await;
    assert_snapshot!(berth.get("admin", "/users?page_size=1&page=2&sort=-user_id").await, @r#"
    200 OK
    content-type: application/json
    link: </api/v2.0/users?sort=-user_id&page=1&page_size=1>; rel="prev" , </api/v2.0/users?sort=-user_id&page=3&page_size=1>; rel="next"
    x-total-count: 3
    [
      {
        "admin_role_in_auth": false,
        "creation_time": "2029-12-17T00:00:00.000Z",
        "email": "ann@berth.test",
        "realname": "ann",
        "sysadmin_flag": false,
        "update_time": "2029-12-17T00:00:00.000Z",
        "user_id": 2,
        "username": "ann"
      }
    ]
    "#);
    let all = berth.get("admin", "/users").await;
    assert_eq!(all.each("username"), ["admin", "ann", "ben"]);
    let found = berth.get("admin", "/users?q=username%3D~N").await;
    assert_eq!(found.each("username"), ["admin", "ann", "ben"]);
    let found = berth.get("admin", "/users?q=sysadmin_flag%3Dtrue").await;
    assert_eq!(found.each("username"), ["admin"]);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_refused() {
    let berth = Berth::start().await;
    assert_snapshot!(berth.get("admin", "/users?page_size=101").await, @r#"
    422 Unprocessable Entity
    content-type: application/json
    {
      "errors": [
        {
          "code": "UNPROCESSABLE_ENTITY",
          "message": "page_size in query should be less than or equal to 100"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn every_user_may_look_for_others_by_name() {
    let berth = Berth::with_users().await;
    assert_snapshot!(berth.get("ann", "/users/search?username=BE").await, @r#"
    200 OK
    content-type: application/json
    x-total-count: 1
    [
      {
        "user_id": 3,
        "username": "ben"
      }
    ]
    "#);
    let answer = berth.get("ann", "/users/search").await;
    assert_eq!(answer.failure(), (422, "UNPROCESSABLE_ENTITY".to_owned()));
}

#[tokio::test]
async fn users_see_themselves_and_not_each_other() {
    let berth = Berth::with_users().await;
    assert_snapshot!(berth.get("ann", "/users/current").await, @r#"
    200 OK
    content-type: application/json
    {
      "admin_role_in_auth": false,
      "creation_time": "2029-12-17T00:00:00.000Z",
      "email": "ann@berth.test",
      "realname": "ann",
      "sysadmin_flag": false,
      "update_time": "2029-12-17T00:00:00.000Z",
      "user_id": 2,
      "username": "ann"
    }
    "#);
    assert_eq!(berth.get("ann", "/users/2").await.status, StatusCode::OK);
    let other = berth.get("ann", "/users/3").await;
    assert_eq!(other.failure(), (403, "FORBIDDEN".to_owned()));
    let unknown = berth.get("admin", "/users/9").await;
    assert_eq!(unknown.failure(), (404, "NOT_FOUND".to_owned()));
    let malformed = berth.get("admin", "/users/ann").await;
    assert_eq!(
        malformed.failure(),
        (422, "UNPROCESSABLE_ENTITY".to_owned())
    );
}

#[tokio::test]
async fn a_profile_is_changed_by_its_user() {
    let berth = Berth::with_users().await;
    let profile = json!({ "email": "new@berth.test", "realname": "Ann L." });
    let answer = berth.send("ann", "PUT /users/2", profile.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(
        berth.get("ann", "/users/2").await.json()["email"],
        "new@berth.test"
    );
    let other = berth.send("ann", "PUT /users/3", profile.clone()).await;
    assert_eq!(other.failure().0, 403);
    let taken = berth.send("ben", "PUT /users/3", profile).await;
    assert_eq!(taken.failure(), (409, "CONFLICT".to_owned()));
}

#[tokio::test]
async fn who_changes_the_own_password_must_know_it() {
    let berth = Berth::with_users().await;
    let change = |old: &str, new: &str| json!({ "old_password": old, "new_password": new });
    let line = "PUT /users/2/password";
    let wrong = berth
        .send("ann", line, change("Wrong12345", "Better12345"))
        .await;
    assert_snapshot!(wrong, @r#"
    403 Forbidden
    content-type: application/json
    {
      "errors": [
        {
          "code": "FORBIDDEN",
          "message": "the current password is not right"
        }
      ]
    }
    "#);
    let same = berth.send("ann", line, change(PASSWORD, PASSWORD)).await;
    assert_eq!(same.failure().0, 400);
    let weak = berth.send("ann", line, change(PASSWORD, "weak")).await;
    assert_eq!(weak.failure().0, 400);
    let right = berth
        .send("ann", line, change(PASSWORD, "Better12345"))
        .await;
    assert_eq!(right.status, StatusCode::OK, "{right}");
    assert_eq!(
        berth.get("ann", "/users/2").await.status,
        StatusCode::UNAUTHORIZED
    );
    let new = berth
        .send_as("ann", "Better12345", "GET /users/2", Value::Null)
        .await;
    assert_eq!(new.status, StatusCode::OK);
}

#[tokio::test]
async fn an_administrator_sets_passwords_without_the_old_ones() {
    let berth = Berth::with_users().await;
    let change = json!({ "new_password": "Better12345" });
    let answer = berth
        .send("admin", "PUT /users/2/password", change.clone())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(
        berth.get("ann", "/users/2").await.status,
        StatusCode::UNAUTHORIZED
    );
    let other = berth.send("ben", "PUT /users/2/password", change).await;
    assert_eq!(other.failure().0, 403);
}

#[tokio::test]
async fn a_user_becomes_an_administrator_at_the_next_request() {
    let berth = Berth::with_users().await;
    assert_eq!(berth.get("ann", "/users").await.failure().0, 403);
    let flag = |on: bool| json!({ "sysadmin_flag": on });
    let answer = berth
        .send("admin", "PUT /users/2/sysadmin", flag(true))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(berth.get("ann", "/users").await.status, StatusCode::OK);
    let first = berth
        .send("ann", "PUT /users/1/sysadmin", flag(false))
        .await;
    assert_eq!(first.failure().0, 403, "the first administrator stays one");
}

#[tokio::test]
async fn a_deleted_user_is_refused_and_its_name_is_free() {
    let berth = Berth::with_users().await;
    assert_eq!(
        berth.get("ann", "/users/current").await.status,
        StatusCode::OK
    );
    let answer = berth.send("admin", "DELETE /users/2", Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(
        berth.get("ann", "/users/current").await.status,
        StatusCode::UNAUTHORIZED
    );
    berth.create_user("ann").await;
    let again = berth.get("ann", "/users/current").await;
    assert_eq!(again.json()["user_id"], 4, "a number is never given twice");
}

#[tokio::test]
async fn neither_the_first_administrator_nor_oneself_can_be_deleted() {
    let berth = Berth::with_users().await;
    let flag = json!({ "sysadmin_flag": true });
    berth.send("admin", "PUT /users/2/sysadmin", flag).await;
    for line in ["DELETE /users/1", "DELETE /users/2"] {
        let answer = berth.send("ann", line, Value::Null).await;
        assert_eq!(answer.failure(), (403, "FORBIDDEN".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn the_callers_rights_in_a_project_are_listed() {
    let berth = Berth::with_users().await;
    berth.create_project("ann", "team", true).await;
    let path = "/users/current/permissions?scope=/project/3&relative=true";
    let rights = |answer: crate::berth::Answer| {
        let pairs = answer
            .each("resource")
            .into_iter()
            .zip(answer.each("action"));
        let pairs: Vec<_> = pairs
            .map(|(resource, action)| format!("{resource}:{action}"))
            .collect();
        pairs.join(" ")
    };
    assert_snapshot!(rights(berth.get("ben", path).await), @".:read label:read label:list repository:list repository:pull scan:read scanner:read artifact:read artifact:list artifact-addition:read tag:list accessory:list");
    assert!(rights(berth.get("ann", path).await).contains("member:create"));
    let elsewhere = berth
        .get("ann", "/users/current/permissions?scope=/system")
        .await;
    assert_eq!(elsewhere.body, "[]");
}
