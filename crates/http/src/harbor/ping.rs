//! The swagger's tag `ping`, and the version of the API.

use axum::response::{IntoResponse, Response};
use berth_domain::Rule;
use serde_json::json;

use super::Result;
use super::call::{Call, ok};
use super::route::{Route, Verb, route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/api/version",
        rule: Rule::Anyone,
        handler: |_| Box::pin(async { Ok(ok(json!({ "version": "v2.0" }))) }),
    },
    route!(Get "/ping", Rule::Anyone, ping),
];

async fn ping(_: Call) -> Result<Response> {
    Ok("Pong".into_response())
}
