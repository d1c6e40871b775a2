//! The swagger's tag `health`.

use axum::response::Response;
use berth_domain::Rule;
use berth_harbor_api::{ComponentHealthStatus, OverallHealthStatus};
use berth_service::ComponentHealth;

use super::Result;
use super::call::{Call, ok};
use super::route::{Route, route};

pub(super) const ROUTES: &[Route] = &[route!(Get "/health", Rule::Anyone, health)];

async fn health(call: Call) -> Result<Response> {
    let components = call.service().health().await;
    let all_well = components.iter().all(|component| component.error.is_none());
    Ok(ok(OverallHealthStatus {
        status: word(all_well),
        components: components.iter().map(shown).collect(),
    }))
}

fn word(healthy: bool) -> String {
    if healthy { "healthy" } else { "unhealthy" }.to_owned()
}

fn shown(component: &ComponentHealth) -> ComponentHealthStatus {
    ComponentHealthStatus {
        name: component.name.to_owned(),
        status: word(component.error.is_none()),
        error: component.error.unwrap_or_default().to_owned(),
    }
}
