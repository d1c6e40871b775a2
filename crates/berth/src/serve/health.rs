//! Whether the process lives, and whether it can serve.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use berth_service::Service;
use http::StatusCode;
use tokio::time::timeout;

use super::stop::Stop;

/// How long the store may take before the server does not count as ready.
const DEADLINE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
struct Health {
    service: Arc<Service>,
    stop: Stop,
}

/// `/livez` says that the process answers; `/readyz` that the store does too
/// and the server is not about to stop.
pub(crate) fn routes(service: Arc<Service>, stop: Stop) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Health { service, stop })
}

async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.stop.is_requested() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    let projects = &health.service.ports().projects;
    match timeout(DEADLINE, projects.list_projects(None, 1)).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store takes too long\n",
        ),
    }
}
