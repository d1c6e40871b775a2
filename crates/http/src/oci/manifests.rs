//! Manifests: GET, HEAD, PUT, DELETE.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_oci::{Digest, MAX_MANIFEST_BYTES, ReadOperation, Reference, TagName};
use berth_service::Error;
use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, WARNING,
};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::uploads::content_length;
use super::{Call, OciError, Result};

/// `Docker-Content-Digest`
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// How many bytes of a body that is no manifest are read.
const MAX_DISCARDED: u64 = 4 * MAX_MANIFEST_BYTES as u64;

/// A header's value; a text that cannot be one is left empty.
pub(super) fn value(text: impl AsRef<str>) -> HeaderValue {
    HeaderValue::from_str(text.as_ref()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether the client has this already (RFC 9110, section 13.1.2).
pub(super) fn is_current(headers: &HeaderMap, digest: &Digest) -> bool {
    if !headers.contains_key(IF_NONE_MATCH) {
        return false;
    }
    let digest = digest.to_string();
    let matches = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == digest
    };
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(matches))
}

impl Call<'_> {
    pub(super) async fn manifest(
        &self,
        reference: &Reference,
        op: ReadOperation,
    ) -> Result<Response> {
        let head = op == ReadOperation::Head;
        let served = self
            .app
            .service
            .manifest(&self.target, reference, head)
            .await?;
        if head
            && let Reference::Digest(digest) = reference
            && self.may_push().await?
        {
            self.app
                .service
                .promise_manifest(&self.target, *digest)
                .await?;
        }
        let mut response = match served.bytes {
            _ if is_current(&self.parts.headers, &served.digest) => {
                StatusCode::NOT_MODIFIED.into_response()
            }
            Some(bytes) => Body::from(bytes).into_response(),
            None => {
                let mut response = ().into_response();
                response
                    .headers_mut()
                    .insert(CONTENT_LENGTH, served.size.into());
                response
            }
        };
        let headers = response.headers_mut();
        if !served.media_type.is_empty() {
            headers.insert(CONTENT_TYPE, value(&served.media_type));
        }
        headers.insert(CONTENT_DIGEST, value(served.digest.to_string()));
        headers.insert(ETAG, value(format!("\"{}\"", served.digest)));
        if served.stale {
            headers.insert(
                WARNING,
                HeaderValue::from_static(
                    "299 - \"the upstream does not answer, this may be outdated\"",
                ),
            );
        }
        Ok(response)
    }

    pub(super) async fn put_manifest(
        &self,
        reference: Reference,
        mut tags: Vec<TagName>,
        body: Body,
    ) -> Result<Response> {
        let content_type = self
            .parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let bytes = receive(&self.parts.headers, body).await?;
        let shown = tags.clone();
        let expected = match &reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(tag) => {
                tags.push(tag.clone());
                None
            }
        };
        let pushed = self
            .app
            .service
            .push_manifest(&self.target, content_type, expected, tags, bytes)
            .await?;
        let mut response = StatusCode::CREATED.into_response();
        let headers = response.headers_mut();
        let location = format!("/v2/{}/manifests/{}", self.asked, pushed.digest);
        headers.insert(LOCATION, value(location));
        headers.insert(CONTENT_DIGEST, value(pushed.digest.to_string()));
        if let Some(subject) = pushed.subject {
            headers.insert(OCI_SUBJECT, value(subject.to_string()));
        }
        for tag in shown {
            headers.append(OCI_TAG, value(tag.as_str()));
        }
        Ok(response)
    }

    pub(super) async fn delete_manifest(&self, reference: &Reference) -> Result<Response> {
        let repository = &self.target.repository;
        match reference {
            Reference::Digest(digest) => {
                self.app
                    .service
                    .delete_manifest(repository, *digest)
                    .await?;
            }
            Reference::Tag(tag) => self.app.service.delete_tag(repository, tag).await?,
        }
        Ok(StatusCode::ACCEPTED.into_response())
    }
}

/// Reads a manifest. One that is over the limit is read on for a while, since a
/// client that still sends when the connection ends does not see the answer.
async fn receive(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    if content_length(headers)?.is_some_and(|length| length > MAX_DISCARDED) {
        return Err(OciError::manifest_too_large());
    }
    let mut body = Limited::new(body, usize::try_from(MAX_DISCARDED).unwrap_or(usize::MAX));
    let mut bytes = Vec::new();
    let mut fits = true;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(OciError::manifest_too_large());
            }
            Err(error) => return Err(Error::SizeInvalid(error.to_string()).into()),
        };
        let data = frame.into_data().unwrap_or_default();
        fits &= bytes.len() + data.len() <= MAX_MANIFEST_BYTES;
        if fits {
            bytes.extend_from_slice(&data);
        }
    }
    if fits {
        Ok(bytes.into())
    } else {
        Err(OciError::manifest_too_large())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_matches_quoted_weak_or_listed() {
        let digest = Digest::sha256(b"x");
        let check = |text: String| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value(text));
            is_current(&headers, &digest)
        };
        assert!(check(format!("\"{digest}\"")));
        assert!(check(format!("\"other\", W/\"{digest}\"")));
        assert!(check("*".into()));
        assert!(!check("\"other\"".into()));
    }
}
