//! Garbage collections: on demand, by schedule, their history and logs.

use std::time::Duration;

use berth_domain::RunId;
use berth_testkit::image::Image;
use http::StatusCode;
use serde_json::{Value, json};

use crate::berth::{Answer, Berth};

const SCHEDULE: &str = "/system/gc/schedule";

fn manual(parameters: &Value) -> Value {
    json!({ "schedule": { "type": "Manual" }, "parameters": parameters })
}

/// Starts one, does its job, and returns its number.
async fn collect(berth: &Berth, parameters: Value) -> RunId {
    let post = format!("POST {SCHEDULE}");
    let answer = berth.send("admin", &post, manual(&parameters)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    let location = answer.header("location");
    let (parent, id) = location.rsplit_once('/').unwrap();
    assert_eq!(parent, "/api/v2.0/system/gc");
    let id = RunId(id.parse().unwrap());
    berth.service.collect_garbage(id).await.unwrap();
    id
}

async fn history(berth: &Berth) -> Vec<Value> {
    let answer = berth.get("admin", "/system/gc").await;
    answer.json().as_array().unwrap().clone()
}

fn parameters(run: &Value) -> Value {
    serde_json::from_str(run["job_parameters"].as_str().unwrap()).unwrap()
}

fn status(answer: &Answer) -> u16 {
    answer.status.as_u16()
}

#[tokio::test]
async fn only_administrators_collect() {
    let berth = Berth::with_users().await;
    for (user, expected) in [("", 401), ("ann", 403)] {
        for path in ["/system/gc", SCHEDULE, "/system/gc/1", "/system/gc/1/log"] {
            assert_eq!(status(&berth.get(user, path).await), expected, "{path}");
        }
        for request in [
            "POST /system/gc/schedule",
            "PUT /system/gc/schedule",
            "PUT /system/gc/1",
        ] {
            let answer = berth.send(user, request, manual(&json!({}))).await;
            assert_eq!(status(&answer), expected, "{request}");
        }
    }
    assert_eq!(history(&berth).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_no_manifest_names_is_freed_and_told() {
    let berth = Berth::start().await;
    let (kept, gone) = (Image::random(1), Image::random(2));
    berth.push("library/app", "kept", &kept).await;
    berth.push("library/app", "gone", &gone).await;
    let digest = gone.digest();
    let path = format!("DELETE /projects/library/repositories/app/artifacts/{digest}");
    let deleted = berth.send("admin", &path, Value::Null).await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
    berth.do_jobs().await;
    berth.clock.advance(Duration::from_hours(3));
    let id = collect(&berth, json!({ "workers": 2 })).await;
    let run = berth.get("admin", &format!("/system/gc/{id}")).await.json();
    assert_eq!(run["job_name"], "GARBAGE_COLLECTION");
    assert_eq!(run["job_kind"], "MANUAL");
    assert_eq!(run["job_status"], "Success");
    assert_eq!(run["schedule"]["type"], "Manual");
    let size: usize = gone.blobs().map(|blob| blob.bytes.len()).sum();
    assert_eq!(
        parameters(&run),
        json!({
            "delete_untagged": false, "dry_run": false, "time_window": 2, "workers": 2,
            "freed_space": size, "purged_blobs": gone.blobs().count(), "purged_manifests": 0,
        })
    );
    for (image, expected) in [(&kept, StatusCode::OK), (&gone, StatusCode::NOT_FOUND)] {
        for blob in image.blobs() {
            let path = format!("/v2/library/app/blobs/{}", blob.digest);
            assert_eq!(berth.head(&path).await.status, expected);
        }
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_it_would_free_and_frees_nothing() {
    let berth = Berth::start().await;
    let image = Image::random(1);
    let blob = image.blobs().next().unwrap();
    berth.push_blob("library/app", blob).await;
    berth.clock.advance(Duration::from_hours(3));
    for _ in 0..2 {
        let id = collect(&berth, json!({ "dry_run": true })).await;
        let run = berth.get("admin", &format!("/system/gc/{id}")).await.json();
        assert_eq!(parameters(&run)["freed_space"], blob.bytes.len());
        assert_eq!(parameters(&run)["purged_blobs"], 1);
    }
    let path = format!("/v2/library/app/blobs/{}", blob.digest);
    assert_eq!(berth.head(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn untagged_artifacts_go_only_where_it_is_asked_for() {
    let berth = Berth::start().await;
    let (untagged, tagged) = (Image::random(1), Image::random(2));
    berth.push("library/app", "latest", &untagged).await;
    berth.push("library/app", "latest", &tagged).await;
    berth.clock.advance(Duration::from_hours(3));
    let path = format!("/v2/library/app/manifests/{}", untagged.digest());
    collect(&berth, json!({})).await;
    assert_eq!(berth.head(&path).await.status, StatusCode::OK);
    collect(&berth, json!({ "delete_untagged": true })).await;
    assert_eq!(berth.head(&path).await.status, StatusCode::NOT_FOUND);
    let latest = berth.head("/v2/library/app/manifests/latest").await;
    assert_eq!(latest.status, StatusCode::OK);
}

#[tokio::test]
async fn the_log_tells_what_was_done() {
    let berth = Berth::start().await;
    let id = collect(&berth, json!({})).await;
    let log = berth.get("admin", &format!("/system/gc/{id}/log")).await;
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    let text = log.body.clone();
    assert!(text.contains("garbage collection begins"), "{text}");
    assert!(text.contains("garbage collection ends"), "{text}");
}

#[tokio::test]
async fn a_run_that_is_stopped_before_it_began_does_nothing() {
    let berth = Berth::start().await;
    let post = format!("POST {SCHEDULE}");
    berth.send("admin", &post, manual(&json!({}))).await;
    let stopped = berth.send("admin", "PUT /system/gc/1", Value::Null).await;
    assert_eq!(stopped.status, StatusCode::OK, "{stopped}");
    berth.service.collect_garbage(RunId(1)).await.unwrap();
    assert_eq!(history(&berth).await[0]["job_status"], "Stopped");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let berth = Berth::start().await;
    for path in ["/system/gc/99", "/system/gc/99/log"] {
        assert_eq!(status(&berth.get("admin", path).await), 404, "{path}");
    }
    let stopped = berth.send("admin", "PUT /system/gc/99", Value::Null).await;
    assert_eq!(status(&stopped), 404);
}

#[tokio::test]
async fn a_schedule_starts_a_run_when_it_is_due() {
    let berth = Berth::start().await;
    assert_eq!(berth.get("admin", SCHEDULE).await.body, "");
    let daily = json!({ "schedule": { "type": "Daily", "cron": "0 0 0 * * *" } });
    let put = format!("PUT {SCHEDULE}");
    assert_eq!(status(&berth.send("admin", &put, daily).await), 200);
    let shown = berth.get("admin", SCHEDULE).await.json();
    assert_eq!(
        shown["schedule"],
        json!({
            "type": "Daily", "cron": "0 0 0 * * *",
            "next_scheduled_time": "2029-12-18T00:00:00.000Z",
        })
    );
    assert_eq!(berth.service.start_scheduled_gc().await.unwrap(), None);
    berth.clock.advance(Duration::from_hours(25));
    let started = berth.service.start_scheduled_gc().await.unwrap();
    assert_eq!(started, Some(RunId(1)));
    assert_eq!(berth.service.start_scheduled_gc().await.unwrap(), None);
    assert_eq!(history(&berth).await[0]["job_kind"], "SCHEDULE");
}

#[tokio::test]
async fn a_schedule_is_replaced_and_taken_away() {
    let berth = Berth::start().await;
    let post = format!("POST {SCHEDULE}");
    for (kind, cron) in [("Hourly", "0 0 * * * *"), ("Custom", "0 30 2 * * 1-5")] {
        let schedule = json!({ "schedule": { "type": kind, "cron": cron } });
        assert_eq!(status(&berth.send("admin", &post, schedule).await), 201);
        let shown = berth.get("admin", SCHEDULE).await.json();
        assert_eq!(shown["schedule"]["cron"], cron);
    }
    let none = json!({ "schedule": { "type": "None" } });
    for _ in 0..2 {
        assert_eq!(status(&berth.send("admin", &post, none.clone()).await), 201);
        assert_eq!(berth.get("admin", SCHEDULE).await.body, "");
    }
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused() {
    let berth = Berth::start().await;
    let post = format!("POST {SCHEDULE}");
    for (body, expected) in [
        (
            json!({ "schedule": { "type": "Daily", "cron": "often" } }),
            400,
        ),
        (json!({ "schedule": { "type": "Yearly" } }), 422),
        (json!({}), 422),
        (manual(&json!({ "workers": 0 })), 400),
        (manual(&json!({ "workers": 11 })), 400),
    ] {
        let answer = berth.send("admin", &post, body.clone()).await;
        assert_eq!(status(&answer), expected, "{body}");
    }
    assert_eq!(history(&berth).await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_last_fifty_runs_are_kept() {
    let berth = Berth::start().await;
    for _ in 0..52 {
        collect(&berth, json!({})).await;
    }
    let runs = berth.get("admin", "/system/gc?page_size=100").await.json();
    let runs = runs.as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["id"]), (50, &json!(52)));
}
