//! Blobs: GET, HEAD, DELETE.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_domain::{Action, Resource};
use berth_oci::{ByteRange, Digest, RangeOutcome, ReadOperation};
use berth_ports::{Access, ByteStream, Span};
use berth_service::{BlobHandle, Error};
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_RANGE,
    LOCATION, RANGE,
};
use http::{HeaderMap, StatusCode};

use super::manifests::{CONTENT_DIGEST, is_current, value};
use super::{Call, Result};

impl Call<'_> {
    pub(super) async fn blob(&self, digest: Digest, op: ReadOperation) -> Result<Response> {
        if is_current(&self.parts.headers, &digest) {
            // Only what is there can be current.
            self.app
                .service
                .blob_size(&self.target, digest, false)
                .await?;
            return Ok(described(StatusCode::NOT_MODIFIED, digest, Body::empty()));
        }
        match op {
            ReadOperation::Head => self.head_blob(digest).await,
            ReadOperation::Get => self.get_blob(digest).await,
        }
    }

    async fn head_blob(&self, digest: Digest) -> Result<Response> {
        let may_push = self.may_push().await?;
        let service = &self.app.service;
        let size = service.blob_size(&self.target, digest, may_push).await?;
        let mut response = described(StatusCode::OK, digest, Body::empty());
        response.headers_mut().insert(CONTENT_LENGTH, size.into());
        Ok(response)
    }

    /// Whether the principal may push here: what a HEAD says is a promise then.
    pub(super) async fn may_push(&self) -> Result<bool> {
        let (principal, project) = (&self.principal, &self.target.project);
        let service = &self.app.service;
        Ok(service
            .allows(principal, project, Resource::Repository, Action::Push)
            .await?)
    }

    async fn get_blob(&self, digest: Digest) -> Result<Response> {
        let blob = self.app.service.blob(&self.target, digest).await?;
        let safe = |there: &str| self.is_safe(there);
        content(&blob, digest, &self.parts.headers, &safe).await
    }

    pub(super) async fn delete_blob(&self, digest: Digest) -> Result<Response> {
        self.app.service.delete_blob(&self.target, digest).await?;
        Ok(StatusCode::ACCEPTED.into_response())
    }
}

/// The bytes of a blob that a request with these headers wants. The client is
/// sent to the store only if its address is `safe`.
pub(crate) async fn content(
    blob: &BlobHandle,
    digest: Digest,
    headers: &HeaderMap,
    safe: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Response> {
    let whole = Span {
        start: 0,
        end: blob.size,
    };
    match range(blob, digest, headers) {
        RangeOutcome::Whole => send(blob, digest, StatusCode::OK, whole, safe).await,
        RangeOutcome::Part(part) => {
            let span = Span {
                start: part.start,
                end: part.start + part.len(),
            };
            let mut response = send(blob, digest, StatusCode::PARTIAL_CONTENT, span, safe).await?;
            if response.status() == StatusCode::PARTIAL_CONTENT {
                let range = berth_oci::content_range(part.start, part.end_inclusive, blob.size);
                response.headers_mut().insert(CONTENT_RANGE, value(range));
            }
            Ok(response)
        }
        RangeOutcome::Unsatisfiable => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            let range = berth_oci::unsatisfied_range(blob.size);
            response.headers_mut().insert(CONTENT_RANGE, value(range));
            Ok(response)
        }
    }
}

/// What the client wants of it; a range of another version is no range.
fn range(blob: &BlobHandle, digest: Digest, headers: &HeaderMap) -> RangeOutcome {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let outdated = text(IF_RANGE).is_some_and(|tag| tag.trim_matches('"') != digest.to_string());
    match text(RANGE) {
        Some(range) if !outdated => ByteRange::parse(range, blob.size),
        _ => RangeOutcome::Whole,
    }
}

/// Sends bytes of a blob. A file's are in the response's extensions too, as a
/// [`FileSpan`](berth_ports::FileSpan): a server that can send files need not
/// read the body.
async fn send(
    blob: &BlobHandle,
    digest: Digest,
    status: StatusCode,
    span: Span,
    safe: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Response> {
    match blob.open(span, safe).await? {
        Access::Stream(stream) => Ok(streamed(status, digest, stream, span)),
        Access::File(file, stream) => {
            let mut response = streamed(status, digest, stream, span);
            response.extensions_mut().insert(file);
            Ok(response)
        }
        Access::Redirect(address) => {
            let location = HeaderValue::from_str(&address)
                .map_err(|_| Error::NotFound("the blob's address is malformed".to_owned()))?;
            let mut response = described(StatusCode::TEMPORARY_REDIRECT, digest, Body::empty());
            response.headers_mut().insert(LOCATION, location);
            Ok(response)
        }
    }
}

fn streamed(status: StatusCode, digest: Digest, stream: ByteStream, span: Span) -> Response {
    let mut response = described(status, digest, Body::from_stream(stream));
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, span.len().into());
    response
}

/// A response with the headers that every answer about a blob has.
fn described(status: StatusCode, digest: Digest, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_DIGEST, value(digest.to_string()));
    headers.insert(ETAG, value(format!("\"{digest}\"")));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
