//! The port's methods, as requests of the distribution spec.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::Remote;
use berth_oci::{Digest, MAX_MANIFEST_BYTES, Reference, media_type};
use berth_ports::{
    FetchedBlob, FetchedManifest, ManifestDescription, Upstream, UpstreamError, UpstreamResult,
};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use url::Url;

use crate::exchange::Exchange;
use crate::redirect::Ask;
use crate::transport::{Transport, TransportError};
use crate::{body, error, link, referrers, token};

const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const MAX_TAGS_BYTES: usize = 4 * 1024 * 1024;
/// How many pages are read to find the one behind a tag.
const MAX_TAGS_PAGES: usize = 16;

/// Other registries over HTTP.
#[derive(Debug)]
pub struct HttpUpstream {
    exchange: Exchange,
}

impl HttpUpstream {
    /// Sets the connections up; none is made before it is needed.
    pub fn new() -> Result<Self, TransportError> {
        Ok(Self {
            exchange: Exchange::new(Transport::new()?),
        })
    }
}

impl HttpUpstream {
    /// A page of tags, and where the next one is.
    async fn tags(&self, remote: &Remote, ask: &Ask) -> UpstreamResult<(Vec<String>, Option<Url>)> {
        #[derive(Deserialize)]
        struct Tags {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let invalid = || UpstreamError::Invalid("its tags are no list of tags".to_owned());
        let response = self.exchange.ask(remote, ask).await?;
        let next = link::next(response.headers()).map(|next| ask.url.join(next));
        let next = next.transpose().map_err(|_| invalid())?;
        let body = body::whole(response, MAX_TAGS_BYTES).await?;
        let tags: Tags = serde_json::from_slice(&body).map_err(|_| invalid())?;
        Ok((tags.tags.unwrap_or_default(), next))
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn ping(&self, remote: &Remote) -> UpstreamResult<()> {
        let mut url = token::base(remote)?;
        append(&mut url, ["v2", ""])?;
        let ask = Ask {
            method: Method::GET,
            url,
            scope: String::new(),
            headers: HeaderMap::new(),
        };
        self.exchange.ask(remote, &ask).await.map(drop)
    }

    async fn head_manifest(
        &self,
        remote: &Remote,
        name: &str,
        reference: &Reference,
        deadline: Duration,
    ) -> UpstreamResult<ManifestDescription> {
        let ask = manifest(Method::HEAD, remote, name, reference)?;
        let answer = tokio::time::timeout(deadline, self.exchange.ask(remote, &ask)).await;
        let response = answer.unwrap_or(Err(UpstreamError::Timeout))?;
        body::check_encoding(&response)?;
        let headers = response.headers();
        Ok(ManifestDescription {
            digest: content_digest(headers),
            media_type: content_type(headers),
            size: number(headers, &CONTENT_LENGTH),
        })
    }

    async fn get_manifest(
        &self,
        remote: &Remote,
        name: &str,
        reference: &Reference,
    ) -> UpstreamResult<FetchedManifest> {
        let ask = manifest(Method::GET, remote, name, reference)?;
        let response = self.exchange.ask(remote, &ask).await?;
        let digest = content_digest(response.headers());
        let media_type = content_type(response.headers());
        let bytes = body::whole(response, MAX_MANIFEST_BYTES).await?;
        Ok(FetchedManifest {
            media_type,
            digest,
            bytes,
        })
    }

    async fn head_blob(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
    ) -> UpstreamResult<Option<u64>> {
        let ask = ask(Method::HEAD, remote, name, ["blobs", &digest.to_string()])?;
        let answer = self.exchange.ask_for_any(remote, &ask).await?;
        let status = answer.response.status();
        if status.is_success() {
            return Ok(number(answer.response.headers(), &CONTENT_LENGTH));
        }
        // The registry has it, and signed a URL for GET only.
        if !answer.at_home && matches!(status.as_u16(), 403 | 405) {
            return Ok(None);
        }
        Err(error::of_status(answer.response).await)
    }

    async fn get_blob(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
        offset: u64,
    ) -> UpstreamResult<FetchedBlob> {
        let mut ask = ask(Method::GET, remote, name, ["blobs", &digest.to_string()])?;
        if offset > 0 {
            let range = HeaderValue::try_from(format!("bytes={offset}-"));
            ask.headers.extend(range.ok().map(|range| (RANGE, range)));
        }
        let response = self.exchange.ask(remote, &ask).await?;
        let (start, size) = part(&response, offset)?;
        Ok(FetchedBlob {
            start,
            size,
            stream: body::stream(response)?,
        })
    }

    async fn list_tags(
        &self,
        remote: &Remote,
        name: &str,
        last: Option<&str>,
        limit: usize,
    ) -> UpstreamResult<(Vec<String>, bool)> {
        let mut ask = ask(Method::GET, remote, name, ["tags", "list"])?;
        ask.url
            .query_pairs_mut()
            .append_pair("n", &limit.max(1).to_string());
        if let Some(last) = last {
            ask.url.query_pairs_mut().append_pair("last", last);
        }
        for _ in 0..MAX_TAGS_PAGES {
            let (tags, next) = self.tags(remote, &ask).await?;
            match next {
                Some(next) if is_before(&tags, last) && same_place(&next, &ask.url) => {
                    ask.url = next;
                }
                next => return Ok((tags, next.is_some())),
            }
        }
        let what = format!("more than {MAX_TAGS_PAGES} pages of tags");
        Err(UpstreamError::Invalid(what))
    }

    async fn referrers(
        &self,
        remote: &Remote,
        name: &str,
        digest: Digest,
    ) -> UpstreamResult<Option<Bytes>> {
        let digest = digest.to_string();
        let ask = ask(Method::GET, remote, name, ["referrers", &digest])?;
        referrers::all(&self.exchange, remote, ask).await
    }
}

/// Whether a page is one of those before what was asked for: some registries
/// know no `last`, their pages are found by their links only.
fn is_before(tags: &[String], last: Option<&str>) -> bool {
    tags.is_sorted() && tags.last().is_some_and(|tag| Some(tag.as_str()) <= last)
}

/// Whether two addresses differ in their queries only.
fn same_place(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.path() == other.path()
}

/// A question about a repository.
fn ask(method: Method, remote: &Remote, name: &str, path: [&str; 2]) -> UpstreamResult<Ask> {
    let library = if remote.implied_library && !name.contains('/') {
        "library/"
    } else {
        ""
    };
    let name = format!("{library}{name}");
    let mut url = token::base(remote)?;
    append(
        &mut url,
        ["v2"].into_iter().chain(name.split('/')).chain(path),
    )?;
    let scope = format!("repository:{name}:pull");
    Ok(Ask {
        method,
        url,
        scope,
        headers: HeaderMap::new(),
    })
}

fn manifest(
    method: Method,
    remote: &Remote,
    name: &str,
    reference: &Reference,
) -> UpstreamResult<Ask> {
    let mut ask = ask(method, remote, name, ["manifests", &reference.to_string()])?;
    // All that is known by name, then whatever else there may be: a registry
    // converts or refuses what is not asked for.
    let accept = media_type::MANIFESTS.join(", ") + ", */*";
    ask.headers.extend(
        HeaderValue::try_from(accept)
            .ok()
            .map(|accept| (ACCEPT, accept)),
    );
    Ok(ask)
}

/// Appends path segments; what is special in one is escaped.
fn append<'s>(url: &mut Url, segments: impl IntoIterator<Item = &'s str>) -> UpstreamResult<()> {
    let refused = |()| UpstreamError::Refused("the endpoint's address takes no path".to_owned());
    url.path_segments_mut()
        .map_err(refused)?
        .pop_if_empty()
        .extend(segments);
    Ok(())
}

/// Where the body of a blob's answer begins, and how large the blob is.
pub(crate) fn part(response: &Response, offset: u64) -> UpstreamResult<(u64, Option<u64>)> {
    let headers = response.headers();
    match response.status() {
        StatusCode::OK => Ok((0, number(headers, &CONTENT_LENGTH))),
        StatusCode::PARTIAL_CONTENT if offset > 0 => {
            let range = headers
                .get(CONTENT_RANGE)
                .and_then(|range| range.to_str().ok());
            match range.and_then(content_range) {
                Some((start, size)) if start == offset => Ok((start, size)),
                _ => Err(UpstreamError::Invalid(
                    "another range than was asked for".to_owned(),
                )),
            }
        }
        status => Err(UpstreamError::Invalid(format!(
            "status {status} to a blob's GET"
        ))),
    }
}

/// Start and whole size of `bytes 5-9/10`; the size may be `*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let size = if size == "*" {
        None
    } else {
        Some(size.parse().ok()?)
    };
    Some((start.parse().ok()?, size))
}

/// The `Docker-Content-Digest`; one that cannot be read is as good as none.
fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers
        .get(DOCKER_CONTENT_DIGEST)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    media_type::essence(text).map(str::to_owned)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
