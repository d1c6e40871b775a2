//! The registry: the pull side of the OCI distribution spec, as Docker Hub
//! plays it.

use http::header::{ACCEPT, CONTENT_TYPE, ETAG, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use serde_json::{Value, json};

use super::access::{Account, Credentials, limit};
use super::body::Reply;
use super::cdn::{Signed, serve_blob};
use super::route::Route;
use super::settings::Authentication;
use super::state::State;
use super::{lock, query_values};
use crate::image::Content;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Answers a request under `/v2/`.
pub(super) fn answer<B>(state: &State, route: &Route<'_>, request: &Request<B>) -> Reply {
    let account = match authorize(state, route.repository(), request.headers()) {
        Ok(account) => account,
        Err(refusal) => return refusal.header(API_VERSION, "registry/2.0"),
    };
    let reply = match *route {
        Route::Ping => Reply::json(StatusCode::OK, &json!({})),
        Route::Manifest(repository, reference) => {
            manifest(state, repository, reference, &account, request)
        }
        Route::Blob(repository, digest) => blob(state, repository, digest, request),
        Route::Tags(repository) => tags(state, repository, request),
        Route::Referrers(repository, digest) => referrers(state, repository, digest, request),
        Route::Token | Route::Object | Route::Other => page_not_found(),
    };
    reply.header(API_VERSION, "registry/2.0")
}

/// The answer of a path that does not exist.
pub(super) fn page_not_found() -> Reply {
    Reply::new(StatusCode::NOT_FOUND, "404 page not found\n").header(CONTENT_TYPE, "text/plain")
}

/// The account that asks, or the refusal.
fn authorize(
    state: &State,
    repository: Option<&str>,
    headers: &HeaderMap,
) -> Result<Account, Box<Reply>> {
    let settings = state.settings();
    let credentials = Credentials::of(headers);
    match settings.authentication {
        Authentication::Open => Ok(None),
        Authentication::Basic => credentials
            .account(&settings)
            .map(Some)
            .ok_or_else(|| Box::new(challenge(state, repository, None))),
        Authentication::Bearer => {
            let Credentials::Bearer(token) = credentials else {
                return Err(Box::new(challenge(state, repository, None)));
            };
            let grant = lock(&state.tokens)
                .grant(&token)
                .ok_or_else(|| Box::new(challenge(state, repository, Some("invalid_token"))))?;
            let allowed = repository.is_none_or(|name| grant.repositories.contains(name));
            if allowed {
                Ok(grant.account)
            } else {
                Err(Box::new(challenge(
                    state,
                    repository,
                    Some("insufficient_scope"),
                )))
            }
        }
    }
}

/// 401 with the challenge of the registry, if it has one.
pub(super) fn challenge(state: &State, repository: Option<&str>, why: Option<&str>) -> Reply {
    let detail = repository.map_or(
        Value::Null,
        |name| json!([{"Type": "repository", "Class": "", "Name": name, "Action": "pull"}]),
    );
    let reply = error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required",
        &detail,
    );
    match state.settings().authentication {
        Authentication::Open => reply,
        Authentication::Basic => reply.header(WWW_AUTHENTICATE, "Basic realm=\"registry\""),
        Authentication::Bearer => {
            let realm = state.token_url();
            let scope = parameter(
                "scope",
                repository.map(|name| format!("repository:{name}:pull")),
            );
            let error = parameter("error", why.map(str::to_owned));
            reply.header(
                WWW_AUTHENTICATE,
                format!("Bearer realm=\"{realm}\",service=\"registry.docker.io\"{scope}{error}"),
            )
        }
    }
}

/// A further parameter of a challenge, if it has a value.
fn parameter(name: &str, value: Option<String>) -> String {
    value.map_or_else(String::new, |value| format!(",{name}=\"{value}\""))
}

/// An answer in the spec's error envelope.
fn error(status: StatusCode, code: &str, message: &str, detail: &Value) -> Reply {
    let mut error = json!({"code": code, "message": message});
    if !detail.is_null() {
        error["detail"] = detail.clone();
    }
    Reply::json(status, &json!({"errors": [error]}))
}

fn name_unknown(repository: &str) -> Reply {
    error(
        StatusCode::NOT_FOUND,
        "NAME_UNKNOWN",
        "repository name not known to registry",
        &json!({"name": repository}),
    )
}

fn manifest<B>(
    state: &State,
    repository: &str,
    reference: &str,
    account: &Account,
    request: &Request<B>,
) -> Reply {
    if request.method() == Method::GET
        && let Err(refusal) = take_pull(state, account)
    {
        return *refusal;
    }
    if !state.has(repository) {
        return name_unknown(repository);
    }
    let Some(manifest) = state.manifest(repository, reference) else {
        return manifest_unknown("manifest unknown", reference).headers(limits(state, account));
    };
    if !accepts(request.headers(), &manifest) {
        let message = format!(
            "{} found, but the Accept header does not support it",
            manifest.media_type
        );
        return manifest_unknown(&message, reference).headers(limits(state, account));
    }
    let digest = manifest.digest.to_string();
    Reply::new(StatusCode::OK, manifest.bytes)
        .header(CONTENT_TYPE, manifest.media_type)
        .header(ETAG, format!("\"{digest}\""))
        .header(DIGEST, digest)
        .headers(limits(state, account))
}

fn manifest_unknown(message: &str, reference: &str) -> Reply {
    let detail = json!(format!("unknown reference={reference}"));
    error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message, &detail)
}

/// Whether `Accept` names the manifest's media type, or everything.
fn accepts(headers: &HeaderMap, manifest: &Content) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| matches!(range.trim(), "*/*") || range.trim() == manifest.media_type)
}

fn take_pull(state: &State, account: &Account) -> Result<(), Box<Reply>> {
    let Some(pull_limits) = state.settings().pull_limits else {
        return Ok(());
    };
    if lock(&state.pulls).take(account, pull_limits) {
        return Ok(());
    }
    let refusal = error(
        StatusCode::TOO_MANY_REQUESTS,
        "TOOMANYREQUESTS",
        "You have reached your pull rate limit. You may increase the limit by authenticating \
         and upgrading: https://www.docker.com/increase-rate-limits",
        &Value::Null,
    );
    let refusal = refusal
        .headers(limits(state, account))
        .header(RETRY_AFTER, pull_limits.retry_after.to_string());
    Err(Box::new(refusal))
}

/// The headers that tell of the limit.
fn limits(state: &State, account: &Account) -> HeaderMap {
    let Some(pull_limits) = state.settings().pull_limits else {
        return HeaderMap::new();
    };
    let left = lock(&state.pulls).left(account, pull_limits);
    let total = limit(account, pull_limits);
    let source = account.as_deref().unwrap_or("127.0.0.1");
    Reply::new(StatusCode::OK, "")
        .header(
            HeaderName::from_static("ratelimit-limit"),
            format!("{total};w=21600"),
        )
        .header(
            HeaderName::from_static("ratelimit-remaining"),
            format!("{left};w=21600"),
        )
        .header(HeaderName::from_static("docker-ratelimit-source"), source)
        .headers
}

fn blob<B>(state: &State, repository: &str, digest: &str, request: &Request<B>) -> Reply {
    if !state.has(repository) {
        return name_unknown(repository);
    }
    let found = digest.parse().ok().and_then(|parsed| {
        let source = state.blob(repository, &parsed)?;
        Some((parsed, source))
    });
    let Some((parsed, source)) = found else {
        return error(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
            &json!({"digest": digest}),
        );
    };
    if !state.settings().redirects_blobs {
        return serve_blob(state, request.headers(), parsed, source).header(DIGEST, digest);
    }
    let url = lock(&state.signed_urls).sign(Signed {
        method: request.method().clone(),
        repository: repository.to_owned(),
        digest: parsed,
    });
    let location = format!("{}{url}", state.cdn_url());
    Reply::new(
        StatusCode::TEMPORARY_REDIRECT,
        format!("<a href=\"{location}\">Temporary Redirect</a>.\n\n"),
    )
    .header(CONTENT_TYPE, "text/html; charset=utf-8")
    .header(LOCATION, location)
}

fn tags<B>(state: &State, repository: &str, request: &Request<B>) -> Reply {
    let first = |key| query_values(request.uri(), key).into_iter().next();
    let most = state.settings().tags_page;
    let count = first("n")
        .and_then(|count| count.parse().ok())
        .unwrap_or(most)
        .min(most);
    let last = first("last").unwrap_or_default();
    let Some((page, more)) = state.tags(repository, &last, count) else {
        return name_unknown(repository);
    };
    let reply = Reply::json(StatusCode::OK, &json!({"name": repository, "tags": page}));
    match page.last() {
        Some(last) if more => {
            let next = format!("/v2/{repository}/tags/list?last={last}&n={count}");
            reply.header(LINK, format!("<{next}>; rel=\"next\""))
        }
        _ => reply,
    }
}

fn referrers<B>(state: &State, repository: &str, digest: &str, request: &Request<B>) -> Reply {
    if !state.settings().serves_referrers {
        return page_not_found();
    }
    let artifact_type = query_values(request.uri(), "artifactType")
        .into_iter()
        .next();
    let Ok(subject) = digest.parse() else {
        return error(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "invalid digest",
            &Value::Null,
        );
    };
    let Some(index) = state.referrers(repository, &subject, artifact_type.as_deref()) else {
        return name_unknown(repository);
    };
    let reply = Reply::json(StatusCode::OK, &index)
        .header(CONTENT_TYPE, "application/vnd.oci.image.index.v1+json");
    match artifact_type {
        Some(_) => reply.header(
            HeaderName::from_static("oci-filters-applied"),
            "artifactType",
        ),
        None => reply,
    }
}
