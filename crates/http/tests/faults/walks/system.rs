//! What Berth says of itself.

use crate::walk::{Sent, Walk};
use crate::world::World;

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    vec![
        Walk::request("GET /api/version", Sent::new("GET /api/version")),
        Walk::request("GET /api/v2.0/ping", Sent::api("GET /ping")),
        // It says so when a store fails.
        Walk::request("GET /api/v2.0/health", Sent::api("GET /health")).varies(),
        Walk::request("GET /api/v2.0/systeminfo", Sent::api("GET /systeminfo")),
    ]
}

#[tokio::test]
async fn what_berth_says_of_itself_survives_every_fault() {
    let world = World::used().await;
    super::walk("system", &world, walks(&world)).await;
}
