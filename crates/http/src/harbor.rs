//! Harbor's API v2.0 under `/api/v2.0`, and `/api/version`.
//!
//! One table lists every route with the rule that its caller must satisfy; the
//! router is made from it, and so is the list that a test keeps. A handler runs
//! only after its route's rule was checked.
//!
//! Lists page by number over stores that page by cursor: at most
//! [`WALK_LIMIT`](berth_service::WALK_LIMIT) items are read for one answer, and
//! `X-Total-Count` is exact up to that.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use std::collections::BTreeMap;

use crate::app::App;
use crate::observe::Pattern;

pub(crate) use error::HarborError;
pub(crate) use route::Route;

mod access;
mod artifacts;
mod call;
mod error;
mod gc;
mod health;
mod list;
mod members;
mod ping;
mod project_metadata;
mod projects;
mod registries;
mod repositories;
mod route;
mod systeminfo;
mod users;

type Result<T> = std::result::Result<T, HarborError>;

/// Every route.
pub(crate) fn routes() -> impl Iterator<Item = &'static Route> {
    [
        ping::ROUTES,
        health::ROUTES,
        systeminfo::ROUTES,
        users::ROUTES,
        projects::ROUTES,
        project_metadata::ROUTES,
        members::ROUTES,
        registries::ROUTES,
        repositories::ROUTES,
        artifacts::ROUTES,
        gc::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// All that is under `/api`. A slash at the end of a path makes no difference.
pub(crate) fn router() -> Router<App> {
    let mut paths: BTreeMap<&str, MethodRouter<App>> = BTreeMap::new();
    for route in routes() {
        let path = route.path.trim_end_matches('/');
        let methods = paths.remove(path).unwrap_or_default();
        let answer =
            move |State(app), params, request: Request| call::answer(app, route, params, request);
        paths.insert(path, methods.on(route.verb.filter(), answer));
    }
    let mut router = Router::new()
        .route("/api", axum::routing::any(unknown))
        .route("/api/", axum::routing::any(unknown))
        .route("/api/{*path}", axum::routing::any(unknown));
    for (path, methods) in paths {
        let methods = methods.fallback(not_allowed);
        router = router
            .route(&format!("{path}/"), methods.clone())
            .route(path, methods);
    }
    router
}

async fn unknown() -> Response {
    unrouted(HarborError::not_found("there is no such route"))
}

async fn not_allowed() -> Response {
    unrouted(HarborError::method_not_allowed())
}

/// The answer where no route was found: all of them are one to the metrics,
/// which would have a label for each invented method otherwise.
fn unrouted(error: HarborError) -> Response {
    let mut response = error.into_response();
    response.extensions_mut().insert(Pattern("/api/{unknown}"));
    response
}
