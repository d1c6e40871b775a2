//! Repositories, artifacts and tags, as pushes left them.

use std::time::Duration;

use berth_testkit::image::{Format, Image, Index, Layer};
use http::StatusCode;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::berth::Berth;

const APP: &str = "/projects/library/repositories/team%252Fapp";

fn image(text: &str) -> Image {
    let layer = Layer::of_file("file", text.as_bytes());
    Image::builder()
        .with_layer(layer)
        .annotation("made.by", "a test")
        .build()
}

/// `library/team/app` with the tags `v1` and `v2`, a minute apart.
async fn pushed() -> Berth {
    let berth = Berth::with_users().await;
    berth.push("library/team/app", "v1", &image("one")).await;
    berth.clock.advance(Duration::from_mins(1));
    berth.push("library/team/app", "v2", &image("two")).await;
    berth
}

#[tokio::test]
async fn a_repository_with_slashes_is_found_by_its_twice_encoded_name() {
    let berth = pushed().await;
    assert_snapshot!(berth.get("", APP).await, @r#"
    200 OK
    content-type: application/json
    {
      "artifact_count": 2,
      "creation_time": "2029-12-17T00:00:00.000Z",
      "id": 1,
      "name": "library/team/app",
      "project_id": 1,
      "pull_count": 0,
      "update_time": "2029-12-17T00:00:00.000Z"
    }
    "#);
    let once = "/projects/library/repositories/team%2Fapp";
    assert_eq!(berth.get("", once).await.status, StatusCode::OK);
    let none = "/projects/library/repositories/team%252Fnone";
    assert_eq!(
        berth.get("", none).await.failure(),
        (404, "NOT_FOUND".to_owned())
    );
    let malformed = "/projects/library/repositories/..%252F..%252Fx";
    assert_eq!(berth.get("", malformed).await.failure().0, 404);
}

#[tokio::test]
async fn repositories_are_listed_to_whom_may_see_them() {
    let berth = pushed().await;
    berth.create_project("ann", "team", false).await;
    berth.push("team/own", "v1", &image("one")).await;
    let names = async |user: &str| {
        berth
            .get(user, "/repositories")
            .await
            .each("name")
            .join(" ")
    };
    assert_eq!(names("").await, "library/team/app");
    assert_eq!(names("ben").await, "library/team/app");
    assert_eq!(
        names("ann").await,
        "team/own library/team/app",
        "the newest first"
    );
    assert_eq!(names("admin").await, "team/own library/team/app");
    let listed = berth
        .get("", "/projects/library/repositories?q=name%3D~app")
        .await;
    assert_eq!(listed.each("artifact_count"), ["2"]);
    let private = berth.get("ben", "/projects/team/repositories").await;
    assert_eq!(private.failure(), (403, "FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn a_description_is_changed_by_who_may_push() {
    let berth = pushed().await;
    let body = json!({ "description": "an app" });
    let line = format!("PUT {APP}");
    let refused = berth.send("ann", &line, body.clone()).await;
    assert_eq!(refused.failure().0, 403);
    let answer = berth.send("admin", &line, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(berth.get("", APP).await.json()["description"], "an app");
}

#[tokio::test]
async fn an_artifact_is_shown_by_tag_and_by_digest() {
    let berth = pushed().await;
    let by_tag = berth.get("", &format!("{APP}/artifacts/v1")).await;
    assert_snapshot!(by_tag, @r#"
    200 OK
    content-type: application/json
    {
      "accessories": null,
      "annotations": {
        "made.by": "a test"
      },
      "artifact_type": "application/vnd.oci.image.config.v1+json",
      "digest": "sha256:..",
      "extra_attrs": {
        "architecture": "amd64",
        "config": {
          "Cmd": [
            "/random"
          ],
          "Env": [
            "PATH=/bin"
          ]
        },
        "os": "linux"
      },
      "id": 1,
      "labels": null,
      "manifest_media_type": "application/vnd.oci.image.manifest.v1+json",
      "media_type": "application/vnd.oci.image.config.v1+json",
      "project_id": 1,
      "pull_time": "0001-01-01T00:00:00.000Z",
      "push_time": "2029-12-17T00:00:00.000Z",
      "references": null,
      "repository_id": 1,
      "repository_name": "library/team/app",
      "size": 2879,
      "tags": [
        {
          "artifact_id": 1,
          "immutable": false,
          "name": "v1",
          "pull_time": "0001-01-01T00:00:00.000Z",
          "push_time": "2029-12-17T00:00:00.000Z",
          "repository_id": 1
        }
      ],
      "type": "IMAGE"
    }
    "#);
    let digest = image("one").digest();
    let by_digest = berth.get("", &format!("{APP}/artifacts/{digest}")).await;
    assert_eq!(by_digest.body, by_tag.body);
    let none = berth.get("", &format!("{APP}/artifacts/v9")).await;
    assert_eq!(none.failure(), (404, "NOT_FOUND".to_owned()));
    let malformed = berth.get("", &format!("{APP}/artifacts/-")).await;
    assert_eq!(malformed.failure(), (400, "BAD_REQUEST".to_owned()));
}

#[tokio::test]
async fn artifacts_are_listed_the_newest_first_and_filtered_by_tag() {
    let berth = pushed().await;
    let digests = async |query: &str| {
        let path = format!("{APP}/artifacts?{query}");
        berth.get("", &path).await.each("digest")
    };
    let (one, two) = (
        image("one").digest().to_string(),
        image("two").digest().to_string(),
    );
    assert_eq!(digests("").await, [two.clone(), one.clone()]);
    assert_eq!(digests("sort=push_time").await, [one.clone(), two.clone()]);
    assert_eq!(digests("q=tags%3Dv1").await, vec![one.clone()]);
    assert_eq!(digests("q=tags%3D~V").await, [two.clone(), one]);
    assert_eq!(digests("q=tags%3Dnil").await, [""; 0]);
    assert_eq!(digests("q=tags%3D*&page_size=1").await, [two]);
    assert_eq!(digests("q=labels%3D(1)").await, [""; 0]);
    let none = berth
        .get("", "/projects/library/repositories/none/artifacts")
        .await;
    assert_eq!(none.failure(), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn an_indexs_children_are_shown_as_its_references() {
    let berth = Berth::start().await;
    let image = |platform: &str| {
        let layer = Layer::of_file("platform", platform.as_bytes());
        Image::builder()
            .with_layer(layer)
            .platform(platform)
            .build()
    };
    let images = vec![image("linux/amd64"), image("linux/arm64/v8")];
    let index = Index::of(Format::Oci, images);
    for image in &index.images {
        let digest = image.digest().to_string();
        berth.push("library/app", &digest, image).await;
    }
    berth
        .push_manifest("library/app", "latest", &index.manifest)
        .await;
    let path = "/projects/library/repositories/app/artifacts";
    assert_snapshot!(berth.get("", path).await, @r#"
    200 OK
    content-type: application/json
    x-total-count: 1
    [
      {
        "accessories": null,
        "artifact_type": "application/vnd.oci.image.index.v1+json",
        "digest": "sha256:..",
        "id": 3,
        "labels": null,
        "manifest_media_type": "application/vnd.oci.image.index.v1+json",
        "media_type": "application/vnd.oci.image.index.v1+json",
        "project_id": 1,
        "pull_time": "0001-01-01T00:00:00.000Z",
        "push_time": "2029-12-17T00:00:00.000Z",
        "references": [
          {
            "child_digest": "sha256:..",
            "child_id": 1,
            "parent_id": 3,
            "platform": {
              "'os.features'": null,
              "architecture": "amd64",
              "os": "linux"
            },
            "urls": null
          },
          {
            "child_digest": "sha256:..",
            "child_id": 2,
            "parent_id": 3,
            "platform": {
              "'os.features'": null,
              "architecture": "arm64",
              "os": "linux",
              "variant": "v8"
            },
            "urls": null
          }
        ],
        "repository_id": 1,
        "repository_name": "library/app",
        "size": 1624,
        "tags": [
          {
            "artifact_id": 3,
            "immutable": false,
            "name": "latest",
            "pull_time": "0001-01-01T00:00:00.000Z",
            "push_time": "2029-12-17T00:00:00.000Z",
            "repository_id": 1
          }
        ],
        "type": "IMAGE"
      }
    ]
    "#);
    let all = berth.get("", &format!("{path}?q=base%3D*")).await;
    assert_eq!(all.json().as_array().unwrap().len(), 3);
    let child = index.images[0].digest();
    let refused = berth
        .send("admin", &format!("DELETE {path}/{child}"), Value::Null)
        .await;
    assert_eq!(refused.failure(), (412, "PRECONDITION".to_owned()));
    let line = "DELETE /projects/library/repositories/app";
    let deleted = berth.send("admin", line, Value::Null).await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
    assert_eq!(berth.get("", path).await.failure().0, 404);
}

#[tokio::test]
async fn what_refers_to_an_artifact_is_its_accessory() {
    let berth = pushed().await;
    let signature = Image::builder()
        .artifact_type("application/vnd.cncf.notary.signature")
        .subject(&image("one").manifest)
        .build();
    let digest = signature.digest().to_string();
    berth.push("library/team/app", &digest, &signature).await;
    let path = format!("{APP}/artifacts/v1/accessories");
    assert_snapshot!(berth.get("", &path).await, @r#"
    200 OK
    content-type: application/json
    x-total-count: 1
    [
      {
        "artifact_id": 3,
        "creation_time": "2029-12-17T00:01:00.000Z",
        "digest": "sha256:..",
        "icon": "",
        "id": 3,
        "size": 731,
        "subject_artifact_digest": "sha256:..",
        "subject_artifact_id": 1,
        "subject_artifact_repo": "library/team/app",
        "type": "signature.notation"
      }
    ]
    "#);
    let listed = berth
        .get("", &format!("{APP}/artifacts?with_accessory=true"))
        .await;
    let accessories = |item: &Value| item["accessories"].as_array().map_or(0, Vec::len);
    let counts: Vec<_> = listed
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(accessories)
        .collect();
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn tags_are_made_listed_and_deleted() {
    let berth = pushed().await;
    let tags = format!("{APP}/artifacts/v1/tags");
    let made = berth
        .send(
            "admin",
            &format!("POST {tags}"),
            json!({ "name": "stable" }),
        )
        .await;
    assert_snapshot!(made, @r#"
    201 Created
    location: /api/v2.0/projects/library/repositories/team%252Fapp/artifacts/v1/tags/stable
    "#);
    let again = berth
        .send("admin", &format!("POST {tags}"), json!({ "name": "v2" }))
        .await;
    assert_eq!(again.failure(), (409, "CONFLICT".to_owned()));
    let malformed = berth
        .send("admin", &format!("POST {tags}"), json!({ "name": "-" }))
        .await;
    assert_eq!(malformed.failure(), (400, "BAD_REQUEST".to_owned()));
    assert_snapshot!(berth.get("", &tags).await, @r#"
    200 OK
    content-type: application/json
    x-total-count: 2
    [
      {
        "artifact_id": 1,
        "immutable": false,
        "name": "stable",
        "pull_time": "0001-01-01T00:00:00.000Z",
        "push_time": "2029-12-17T00:01:00.000Z",
        "repository_id": 1
      },
      {
        "artifact_id": 1,
        "immutable": false,
        "name": "v1",
        "pull_time": "0001-01-01T00:00:00.000Z",
        "push_time": "2029-12-17T00:00:00.000Z",
        "repository_id": 1
      }
    ]
    "#);
    let others = berth
        .send("admin", &format!("DELETE {tags}/v2"), Value::Null)
        .await;
    assert_eq!(others.failure(), (404, "NOT_FOUND".to_owned()));
    let deleted = berth
        .send("admin", &format!("DELETE {tags}/stable"), Value::Null)
        .await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
    assert_eq!(berth.get("", &tags).await.each("name"), ["v1"]);
}

#[tokio::test]
async fn an_artifact_is_deleted_with_its_tags() {
    let berth = pushed().await;
    let line = format!("DELETE {APP}/artifacts/v1");
    assert_eq!(berth.send("ann", &line, Value::Null).await.failure().0, 403);
    let deleted = berth.send("admin", &line, Value::Null).await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
    assert_eq!(
        berth.send("admin", &line, Value::Null).await.failure().0,
        404
    );
    let left = berth.get("", &format!("{APP}/artifacts")).await;
    assert_eq!(left.header("x-total-count"), "1");
}
