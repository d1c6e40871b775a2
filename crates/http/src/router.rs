//! All routes of the main listener.

use axum::Router;
use axum::middleware;
use axum::routing::{any, get};

use crate::app::App;
use crate::observe::{Observer, observe};
use crate::{harbor, instances, oci, token};

/// The routes of the registry: `/v2`, `/service/token`, Harbor's API, and what
/// instances ask each other.
pub fn router(app: App) -> Router {
    let ports = app.service.ports();
    let observer = Observer::new(ports.clock.clone(), &*ports.ids);
    Router::new()
        .route("/v2", any(oci::handle))
        .route("/v2/", any(oci::handle))
        .route("/v2/{*path}", any(oci::handle))
        .route("/service/token", get(token::token))
        .route("/berth/fills/{digest}/{*name}", get(instances::fill))
        .merge(harbor::router())
        .with_state(app)
        .layer(middleware::from_fn_with_state(observer, observe))
}
