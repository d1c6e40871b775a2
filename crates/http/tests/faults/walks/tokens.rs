//! Bearer tokens. The first one makes the first key.

use serde_json::Value;

use crate::walk::{Sent, Walk};
use crate::world::World;

const TOKEN: &str = "GET /service/token?service=harbor-registry&scope=repository:library/app:pull";

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    vec![Walk::request("GET /service/token", Sent::new(TOKEN).by("ben")).varies()]
}

#[tokio::test]
async fn tokens_survive_every_fault() {
    let world = World::used().await;
    super::walk("tokens", &world, walks(&world)).await;
}

#[tokio::test]
async fn requests_with_a_token_survive_every_fault() {
    let berth = World::used().await.berth();
    let issued = berth.must(Sent::new(TOKEN).by("ben")).await;
    let issued: Value = serde_json::from_slice(&issued.body.unwrap()).unwrap();
    let token = format!("Bearer {}", issued["token"].as_str().unwrap());
    let with_token = |line| Sent::new(line).with("authorization", &token);
    let walks = vec![
        Walk::request("GET /v2/", with_token("GET /v2/")),
        Walk::request(
            "GET /v2/{name}/manifests/{reference}",
            with_token("GET /v2/library/app/manifests/v1"),
        ),
    ];
    super::walk("requests with a token", &berth.world, walks).await;
}
