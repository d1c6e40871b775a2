//! One request to Harbor's API, from the wire to its handler.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use berth_domain::{Principal, Project, UserIdentity};
use berth_harbor_api::{ErrorCode, parameter};
use berth_oci::RepositoryName;
use berth_service::Service;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::route::Route;
use super::{HarborError, Result};
use crate::app::App;
use crate::origin::Origin;

/// Bytes of a request's body.
const MAX_BODY: usize = 1024 * 1024;

/// A request that its route's rule allows.
pub(super) struct Call {
    pub(super) app: App,
    pub(super) principal: Principal,
    pub(super) origin: Origin,
    pub(super) parts: Parts,
    params: Vec<(String, String)>,
    project: Option<Project>,
    body: Bytes,
}

/// Answers a request to a route.
pub(super) async fn answer(
    app: App,
    route: &'static Route,
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    match allowed(app, route, params, request).await {
        Ok(call) => (route.handler)(call)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Err(error) => error.into_response(),
    }
}

/// The call, if who makes it may: the route's rule is checked here and only
/// here, before a byte of the body is read.
async fn allowed(
    app: App,
    route: &'static Route,
    params: std::result::Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Call> {
    let (parts, body) = request.into_parts();
    let params = params
        .map_err(|_| HarborError::bad_request("the path is not UTF-8"))?
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let origin = Origin::of(&parts, &app.settings);
    let principal = match app.principal(&parts).await? {
        // Registry tokens say nothing about this API.
        Principal::Token(_) => return Err(HarborError::unauthorized()),
        principal => principal,
    };
    let mut call = Call {
        app,
        principal,
        origin,
        parts,
        params,
        project: None,
        body: Bytes::new(),
    };
    call.project = call.authorize(route.rule).await?;
    if route.verb.has_body() {
        call.body = read(&call.parts.headers, body).await?;
    }
    Ok(call)
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            let message = format!("the body has more than {MAX_BODY} bytes");
            HarborError::new(ErrorCode::RequestEntityTooLarge, message)
        } else {
            HarborError::bad_request("the body ended early")
        }
    })?;
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_json = media_type.is_none_or(|text| text.starts_with(b"application/json"));
    if bytes.is_empty() || is_json {
        return Ok(bytes);
    }
    Err(HarborError::new(
        ErrorCode::UnsupportedMediaType,
        "the body must be application/json",
    ))
}

impl Call {
    pub(super) fn service(&self) -> &Arc<Service> {
        &self.app.service
    }

    /// A parameter of the path; empty if the route has none of this name.
    pub(super) fn path(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A parameter of the path, if the route has it.
    pub(super) fn path_if_any(&self, name: &str) -> Option<&str> {
        Some(self.path(name)).filter(|value| !value.is_empty())
    }

    /// A parameter of the path that is a number.
    pub(super) fn number(&self, name: &str) -> Result<i64> {
        let number = self.path(name).parse();
        number.map_err(|_| HarborError::unprocessable(format!("{name} in path must be an integer")))
    }

    /// The query string, without the question mark.
    pub(super) fn query_string(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        parameter(self.query_string(), name)
    }

    /// A parameter of the query that is a boolean.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.query(name).as_deref() {
            None => Ok(None),
            Some(text) => truth(text).map(Some).ok_or_else(|| {
                HarborError::unprocessable(format!("{name} in query must be a boolean"))
            }),
        }
    }

    /// A header that is a boolean; anything but true is false.
    pub(super) fn header_flag(&self, name: &str) -> bool {
        let value = self.parts.headers.get(name);
        let text = value.and_then(|value| value.to_str().ok());
        text.and_then(truth).unwrap_or_default()
    }

    /// The project that the route's rule was checked in.
    pub(super) fn project(&self) -> Result<&Project> {
        let missing = || HarborError::not_found("the request names no project");
        self.project.as_ref().ok_or_else(missing)
    }

    /// The user who makes the request.
    pub(super) fn user(&self) -> Result<&UserIdentity> {
        match &self.principal {
            Principal::User(user) => Ok(user),
            _ => Err(HarborError::unauthorized()),
        }
    }

    /// The repository that the path names, in the project. Clients encode its
    /// name twice where it has slashes (`a%252Fb`), so it is decoded here once
    /// more than the path was.
    pub(super) fn repository(&self) -> Result<RepositoryName> {
        let encoded = self.path("repository_name");
        let rest = percent_encoding::percent_decode_str(encoded).decode_utf8();
        let name = rest
            .ok()
            .map(|rest| format!("{}/{rest}", self.path("project_name")));
        let name = name.and_then(|name| name.parse().ok());
        name.ok_or_else(|| HarborError::not_found("no repository can have this name"))
    }

    /// The body, as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if self.body.is_empty() {
            return Err(HarborError::unprocessable("a body is required"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| HarborError::bad_request(format!("the body cannot be read: {error}")))
    }

    /// 201 with the address of what was made below the request's path.
    pub(super) fn created(&self, id: impl std::fmt::Display) -> Response {
        let path = self.parts.uri.path().trim_end_matches('/');
        created_at(format!("{path}/{id}"))
    }
}

/// 201 with an address.
pub(super) fn created_at(location: String) -> Response {
    let location = HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::CREATED, [(LOCATION, location)]).into_response()
}

/// 200 with a body.
pub(super) fn ok(body: impl Serialize) -> Response {
    Json(body).into_response()
}

/// 200 without one.
pub(super) fn done() -> Response {
    StatusCode::OK.into_response()
}

/// A boolean as Go reads it.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
