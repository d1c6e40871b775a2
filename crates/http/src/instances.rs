//! `GET /berth/fills/{digest}/{name}`: what this instance has of a blob that it
//! is fetching, for the other instances over the same stores.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use berth_oci::{Digest, RepositoryName};
use berth_service::{Credentials, Error};
use http::HeaderMap;

use crate::app::App;
use crate::authentication::credentials;
use crate::oci::{OciError, content};

/// Answers with the bytes from where the other instance wants them, and ends
/// once they are verified.
pub(crate) async fn fill(
    State(app): State<App>,
    Path((digest, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match answer(&app, &digest, &name, &headers).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(
    app: &App,
    digest: &str,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, OciError> {
    let Credentials::Bearer(token) = credentials(headers)? else {
        return Err(Error::Unauthorized.into());
    };
    let unknown = || Error::NotFound("no such fill".to_owned());
    let digest: Digest = digest.parse().map_err(|_| unknown())?;
    let repository: RepositoryName = name.parse().map_err(|_| unknown())?;
    let fill = app
        .service
        .fill_for_instance(token.reveal(), &repository, digest);
    content(&fill.await?, digest, headers, &|_| true).await
}
