//! Upload sessions: start or mount, chunks, end, status, cancel.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_domain::UploadId;
use berth_oci::{Algorithm, ContentRange, Digest, RepositoryName};
use berth_service::{BodyError, Chunk, Error, UploadStatus};
use futures_util::TryStreamExt;
use futures_util::future::select;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, EXPECT, HeaderName, HeaderValue, LOCATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, StatusCode};

use super::manifests::{CONTENT_DIGEST, value};
use super::redirect::follows_uploads;
use super::{Call, Result};

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// How much of a body is read that nobody wants, in bytes.
const READ_ON: usize = 64 * 1024 * 1024;
/// And for how long.
const READ_ON_TIME: Duration = Duration::from_secs(10);

/// The parameters of a POST.
pub(super) struct Start {
    pub(super) mount: Option<Digest>,
    pub(super) from: Option<RepositoryName>,
    pub(super) digest: Option<Digest>,
    pub(super) algorithm: Option<Algorithm>,
}

impl Call<'_> {
    pub(super) async fn start_upload(&self, start: Start, body: Body) -> Result<Response> {
        let service = &self.app.service;
        if let Some(digest) = start.mount
            && service
                .mount_blob(&self.principal, &self.target, digest, start.from.as_ref())
                .await?
        {
            return Ok(self.created(digest));
        }
        let repository = &self.target.repository;
        if let Some(digest) = start.digest {
            let length = content_length(&self.parts.headers)?;
            service
                .push_blob(&self.target, digest, length, stream(body))
                .await?;
            return Ok(self.created(digest));
        }
        let status = service
            .start_upload(repository, start.algorithm.unwrap_or_default())
            .await?;
        let mut response = self.progress(StatusCode::ACCEPTED, status);
        response
            .headers_mut()
            .insert(CHUNK_MIN_LENGTH, HeaderValue::from_static("1"));
        Ok(response)
    }

    pub(super) async fn append_upload(
        &self,
        id: &str,
        epoch: Option<u64>,
        body: Body,
    ) -> Result<Response> {
        let id = upload_id(id)?;
        let chunk = chunk(&self.parts.headers)?;
        let repository = &self.target.repository;
        let appended = self
            .app
            .service
            .append_upload(repository, id, epoch, chunk, stream(body))
            .await;
        Ok(self.progress(StatusCode::ACCEPTED, appended?))
    }

    pub(super) async fn finish_upload(
        &self,
        id: &str,
        epoch: Option<u64>,
        digest: Digest,
        body: Body,
    ) -> Result<Response> {
        let id = upload_id(id)?;
        let chunk = chunk(&self.parts.headers)?;
        if let Some(address) = self.elsewhere(id, epoch, chunk, digest).await? {
            self.read_on(body);
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            response.headers_mut().insert(LOCATION, value(address));
            return Ok(response);
        }
        self.app
            .service
            .finish_upload(&self.target, id, epoch, chunk, digest, stream(body))
            .await?;
        Ok(self.created(digest))
    }

    /// Where the client can put the whole blob itself, if it follows a redirect
    /// there and does not take its login along.
    async fn elsewhere(
        &self,
        id: UploadId,
        epoch: Option<u64>,
        chunk: Chunk,
        digest: Digest,
    ) -> Result<Option<String>> {
        let headers = &self.parts.headers;
        let agent = headers.get(USER_AGENT).and_then(|text| text.to_str().ok());
        let (Some(length), None) = (chunk.length, chunk.start) else {
            return Ok(None);
        };
        if !agent.is_some_and(follows_uploads) {
            return Ok(None);
        }
        let safe = |there: &str| self.is_safe(there);
        Ok(self
            .app
            .service
            .redirect_upload(&self.target, id, epoch, (digest, length), &safe)
            .await?)
    }

    /// Takes more of a body that nobody wants, until the client has seen the
    /// answer and stops: a connection that is closed on it loses the answer.
    fn read_on(&self, body: Body) {
        if self.parts.headers.contains_key(EXPECT) {
            // It waits to be told to send anything.
            return;
        }
        let ports = self.app.service.ports();
        let clock = Arc::clone(&ports.clock);
        let mut body = body.into_data_stream();
        ports.tasks.spawn(Box::pin(async move {
            let take = pin!(async {
                let mut taken = 0;
                while let Ok(Some(bytes)) = body.try_next().await {
                    taken += bytes.len();
                    if taken > READ_ON {
                        break;
                    }
                }
            });
            select(take, clock.sleep(READ_ON_TIME)).await;
        }));
    }

    pub(super) async fn upload_status(&self, id: &str) -> Result<Response> {
        let status = self
            .app
            .service
            .upload_status(&self.target.repository, upload_id(id)?)
            .await?;
        Ok(self.progress(StatusCode::NO_CONTENT, status))
    }

    pub(super) async fn cancel_upload(&self, id: &str) -> Result<Response> {
        self.app
            .service
            .cancel_upload(&self.target.repository, upload_id(id)?)
            .await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    fn progress(&self, status: StatusCode, upload: UploadStatus) -> Response {
        let mut response = status.into_response();
        let headers = response.headers_mut();
        let UploadStatus { id, epoch, offset } = upload;
        let location = format!("/v2/{}/blobs/uploads/{id}?epoch={epoch}", self.asked);
        headers.insert(LOCATION, value(location));
        headers.insert(RANGE, value(berth_oci::upload_range(offset)));
        headers.insert(UPLOAD_UUID, value(id.to_string()));
        response
    }

    fn created(&self, digest: Digest) -> Response {
        let mut response = StatusCode::CREATED.into_response();
        let headers = response.headers_mut();
        headers.insert(
            LOCATION,
            value(format!("/v2/{}/blobs/{digest}", self.asked)),
        );
        headers.insert(CONTENT_DIGEST, value(digest.to_string()));
        response
    }
}

fn upload_id(text: &str) -> Result<UploadId> {
    text.parse().map_err(|_| Error::UploadUnknown.into())
}

fn stream(body: Body) -> berth_service::Body {
    Box::pin(
        body.into_data_stream()
            .map_err(|error| BodyError(error.to_string())),
    )
}

pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(length) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    let invalid = || Error::SizeInvalid("content-length is no number".to_owned());
    Ok(Some(length.ok_or_else(invalid)?))
}

/// What a request says of the bytes it carries.
fn chunk(headers: &HeaderMap) -> Result<Chunk> {
    let length = content_length(headers)?;
    let Some(range) = headers.get(CONTENT_RANGE) else {
        return Ok(Chunk {
            start: None,
            length,
        });
    };
    let invalid = || Error::UploadInvalid("content-range is malformed, send start-end".to_owned());
    let range = range.to_str().map_err(|_| invalid())?;
    let range = ContentRange::parse(range).map_err(|_| invalid())?;
    if length.is_some_and(|length| length != range.len()) {
        let message = "content-range and content-length disagree".to_owned();
        return Err(Error::SizeInvalid(message).into());
    }
    Ok(Chunk {
        start: Some(range.start()),
        length: Some(range.len()),
    })
}
