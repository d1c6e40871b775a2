//! Registry endpoints. One that does not answer is the client's to mend: 400.

use serde_json::json;

use crate::walk::{Sent, Walk};
use crate::world::World;

pub(crate) fn walks(world: &World) -> Vec<Walk> {
    let walk = |line: &str, sent: Sent| {
        let (method, rest) = line.split_once(' ').unwrap();
        Walk::request(&format!("{method} /api/v2.0/registries{rest}"), sent)
    };
    let url = world.upstream.hub.url();
    let new = json!({
        "name": "new", "type": "docker-registry", "url": url,
        "credential": { "type": "basic", "access_key": "ann", "access_secret": "secret" },
    });
    let change = json!({ "name": "renamed", "access_key": "ann", "access_secret": "secret" });
    let tried = json!({ "type": "docker-registry", "url": url });
    let ping = Sent::api("POST /registries/ping");
    vec![
        walk("GET ", Sent::api("GET /registries")),
        walk("POST ", Sent::api("POST /registries").json(&new))
            .refusals(&[400])
            .repeats(&[409]),
        walk("POST /ping", ping.clone().json(&json!({ "id": 2 }))).refusals(&[400]),
        walk("POST /ping", ping.json(&tried)).refusals(&[400]),
        walk("GET /{id}", Sent::api("GET /registries/2")),
        walk("PUT /{id}", Sent::api("PUT /registries/2").json(&change)).refusals(&[400]),
        walk("DELETE /{id}", Sent::api("DELETE /registries/3")).repeats(&[404]),
    ]
}

#[tokio::test]
async fn registries_survive_every_fault() {
    let world = World::used().await;
    super::walk("registries", &world, walks(&world)).await;
}
