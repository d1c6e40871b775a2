//! Lists: tags, referrers, the catalog.

use axum::response::{IntoResponse, Response};
use berth_domain::Referrer;
use berth_oci::{
    Descriptor, Digest, PageQuery, ReferrersIndex, RepositoryName, TagName, media_type,
};
use berth_service::Error;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

use super::manifests::value;
use super::{Call, Result};
use crate::app::App;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Items in a page whose client does not say.
const PAGE: usize = 1_000;
/// Items in a page whatever the client says.
const LARGEST_PAGE: usize = 10_000;
/// Referrers in a page.
const REFERRERS: usize = 100;

const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':');

/// The answer to a list of tags. A page may be long: it is written as it is.
#[derive(Serialize)]
struct TagList<'a> {
    name: &'a RepositoryName,
    tags: &'a [TagName],
}

fn limit(page: &PageQuery, largest: usize) -> usize {
    let asked = page.n.map(|n| usize::try_from(n).unwrap_or(largest));
    asked.unwrap_or(PAGE).min(largest)
}

/// A `Link` to the next page: `path`, then parameters that are there.
fn next(path: &str, parameters: &[(&str, Option<&str>)]) -> HeaderValue {
    let query: Vec<_> = parameters
        .iter()
        .filter_map(|(name, text)| {
            text.map(|text| format!("{name}={}", utf8_percent_encode(text, PARAMETER)))
        })
        .collect();
    value(format!("<{path}?{}>; rel=\"next\"", query.join("&")))
}

/// `GET /v2/_catalog`
pub(super) async fn catalog(app: &App, page: &PageQuery) -> Result<Response> {
    let last = match page.last.as_deref() {
        None => None,
        Some(last) => Some(last.parse::<RepositoryName>().map_err(|error| {
            Error::BadRequest(format!("the parameter last is no repository: {error}"))
        })?),
    };
    let limit = limit(page, PAGE);
    if limit == 0 {
        return Ok(axum::Json(json!({ "repositories": [] })).into_response());
    }
    let found = app.service.repositories(None, last.as_ref(), limit).await?;
    let names: Vec<_> = found
        .items
        .into_iter()
        .map(|repository| repository.name)
        .collect();
    let mut response = axum::Json(json!({ "repositories": names })).into_response();
    if let Some(last) = names.last().filter(|_| found.more) {
        let n = limit.to_string();
        let link = next(
            "/v2/_catalog",
            &[("n", Some(&n)), ("last", Some(last.as_str()))],
        );
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

impl Call<'_> {
    pub(super) async fn tags(&self, page: &PageQuery) -> Result<Response> {
        let limit = limit(page, LARGEST_PAGE);
        // Whether the repository exists is told for an empty page too.
        let found = self
            .app
            .service
            .tags(&self.target, page.last.as_deref(), limit.max(1))
            .await?;
        let tags = found
            .items
            .get(..limit.min(found.items.len()))
            .unwrap_or_default();
        let list = TagList {
            name: &self.asked,
            tags,
        };
        let mut response = axum::Json(list).into_response();
        if let Some(last) = tags.last().filter(|_| found.more) {
            let n = limit.to_string();
            let path = format!("/v2/{}/tags/list", self.asked);
            let parameters = [
                ("n", Some(n.as_str())),
                ("last", Some(last.as_str())),
                ("ns", self.ns.as_deref()),
            ];
            response
                .headers_mut()
                .insert(LINK, next(&path, &parameters));
        }
        Ok(response)
    }

    pub(super) async fn referrers(
        &self,
        subject: Digest,
        artifact_type: Option<&str>,
        page: &PageQuery,
    ) -> Result<Response> {
        let after = match page.last.as_deref() {
            None => None,
            Some(last) => Some(cursor(last)?),
        };
        let limit = limit(page, REFERRERS).max(1);
        let found = self
            .app
            .service
            .referrers(&self.target, subject, artifact_type, after, limit)
            .await?;
        let link = found.items.last().filter(|_| found.more).map(|last| {
            let last = format!(
                "{}/{}",
                last.digest,
                last.artifact_type.as_deref().unwrap_or("")
            );
            let path = format!("/v2/{}/referrers/{subject}", self.asked);
            let n = limit.to_string();
            let parameters = [
                ("artifactType", artifact_type),
                ("n", Some(n.as_str())),
                ("last", Some(last.as_str())),
                ("ns", self.ns.as_deref()),
            ];
            next(&path, &parameters)
        });
        let descriptors: Vec<_> = found.items.into_iter().map(descriptor).collect();
        let mut response = ReferrersIndex(&descriptors).to_json().into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(media_type::OCI_INDEX),
        );
        if artifact_type.is_some() {
            headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        }
        if let Some(link) = link {
            headers.insert(LINK, link);
        }
        Ok(response)
    }
}

/// The place in a list of referrers that a `last` parameter names:
/// `digest/type`.
fn cursor(last: &str) -> Result<(&str, Digest)> {
    let parsed = last
        .split_once('/')
        .and_then(|(digest, kind)| digest.parse().ok().map(|digest| (kind, digest)));
    let invalid = || Error::BadRequest("the parameter last is not one of ours".to_owned());
    Ok(parsed.ok_or_else(invalid)?)
}

fn descriptor(referrer: Referrer) -> Descriptor {
    let mut descriptor = Descriptor::new(referrer.media_type, referrer.digest, referrer.size);
    descriptor.artifact_type = referrer.artifact_type;
    descriptor.annotations = referrer.annotations.unwrap_or_default();
    descriptor
}
