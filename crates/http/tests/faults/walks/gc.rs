//! Garbage collections that somebody starts. The world has one that has ended.

use serde_json::{Value, json};

use crate::walk::{Sent, Walk};
use crate::world::World;

fn walk(route: &str, sent: Sent) -> Walk {
    let (method, rest) = route.split_once(' ').unwrap();
    Walk::request(&format!("{method} /api/v2.0/system/gc{rest}"), sent)
}

/// A request to start one, or to set when they start.
pub(crate) fn schedule(method: &str, kind: &str, cron: &str) -> Sent {
    let body: Value = json!({
        "schedule": { "type": kind, "cron": cron },
        "parameters": { "delete_untagged": true, "dry_run": false, "workers": 1 },
    });
    Sent::api(&format!("{method} /system/gc/schedule")).json(&body)
}

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    vec![
        walk("GET ", Sent::api("GET /system/gc")),
        walk("GET /schedule", Sent::api("GET /system/gc/schedule")),
        walk("POST /schedule", schedule("POST", "Manual", "")),
        walk("PUT /schedule", schedule("PUT", "Custom", "0 0 3 * * *")),
        walk("GET /{gc_id}", Sent::api("GET /system/gc/1")),
        walk("PUT /{gc_id}", Sent::api("PUT /system/gc/1")),
        walk("GET /{gc_id}/log", Sent::api("GET /system/gc/1/log")),
    ]
}

#[tokio::test]
async fn garbage_collections_survive_every_fault() {
    let world = World::used().await;
    super::walk("garbage collections", &world, walks(&world)).await;
}
