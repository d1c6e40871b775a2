//! `GET /service/token`: the token service that the Bearer challenge names.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::StatusCode};
use berth_domain::Principal;
use berth_oci::Scope;
use berth_service::Error;
use http::header::{CACHE_CONTROL, HeaderValue};
use serde::Serialize;

use crate::app::App;
use crate::connection::Connection;
use crate::oci::OciError;

/// The answer, in Harbor's form.
#[derive(Serialize)]
struct TokenResponse<'a> {
    token: &'a str,
    access_token: &'a str,
    expires_in: u64,
    issued_at: String,
}

/// Issues a token to whoever asks; what it allows depends on who that is.
pub(crate) async fn token(State(app): State<App>, request: Request) -> Response {
    match issue(&app, request).await {
        Ok(response) => response,
        Err(error) => OciError::from(error).into_response(),
    }
}

async fn issue(app: &App, request: Request) -> Result<Response, Error> {
    let (parts, _) = request.into_parts();
    let principal = app.principal(&parts).await?;
    let query = parts.uri.query().unwrap_or_default();
    let pairs = || {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| {
                let value = value.replace('+', " ");
                let value = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
                (name, value.into_owned())
            })
    };
    let service = pairs()
        .find(|(name, _)| *name == "service")
        .map(|(_, value)| value);
    let mut scopes = Vec::new();
    for (_, value) in pairs().filter(|(name, _)| *name == "scope") {
        let parsed = Scope::parse_list(&value).map_err(|e| Error::BadRequest(e.to_string()))?;
        scopes.extend(parsed);
    }
    if let Some(mirror) = parts
        .extensions
        .get::<Connection>()
        .and_then(|c| c.mirror.as_deref())
    {
        app.mirror_scopes(mirror, &mut scopes).await?;
    }
    if scopes.is_empty() && principal == Principal::Anonymous {
        return Err(Error::Unauthorized);
    }
    let issued = app
        .service
        .issue_token(&principal, &service.unwrap_or_default(), &scopes)
        .await?;
    let body = TokenResponse {
        token: issued.token.reveal(),
        access_token: "",
        expires_in: issued.expires_in,
        issued_at: issued.issued_at.to_string(),
    };
    let mut response = (StatusCode::OK, Json(body)).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
