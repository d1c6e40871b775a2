//! Logins at upstreams: tokens and passwords, remembered by what they are for.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use berth_domain::Remote;
use berth_oci::Challenge;
use berth_ports::{UpstreamError, UpstreamResult};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use moka::sync::Cache;
use reqwest::Request;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::address::{Reach, reach_from, refused};
use crate::transport::Transport;
use crate::{body, error};

const CAPACITY: u64 = 10_000;
const MAX_BODY: usize = 256 * 1024;
/// How long a token is good for that does not say (distribution's token
/// specification, `expires_in`).
const DEFAULT_LIFETIME: u64 = 60;
const MAX_LIFETIME: u64 = 24 * 60 * 60;
/// A token is renewed so long before it expires, or at half its life.
const MARGIN: Duration = Duration::from_secs(10);

/// What is known of the logins at all remotes, by remote (credentials
/// included) and scope.
#[derive(Debug)]
pub(crate) struct Tokens(Cache<(Remote, String), Arc<Mutex<Slot>>>);

/// The login for one scope at one remote. It is locked while a token is
/// fetched, so that all who need it wait for one fetch.
#[derive(Debug, Default)]
struct Slot {
    login: Option<Login>,
    failed: Option<(Instant, UpstreamError)>,
}

#[derive(Debug)]
enum Login {
    Basic(HeaderValue),
    Bearer {
        service: TokenService,
        token: Option<Token>,
    },
}

/// Where tokens for a scope come from, as the remote's challenge says.
#[derive(Clone, Debug)]
struct TokenService {
    realm: String,
    service: Option<String>,
    scope: String,
}

#[derive(Clone, Debug)]
struct Token {
    header: HeaderValue,
    until: Instant,
}

impl Default for Tokens {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_idle(Duration::from_hours(1))
                .build(),
        )
    }
}

impl Tokens {
    /// The `Authorization` to begin with: what was good for `scope` before, its
    /// token renewed if it is about to expire.
    pub(crate) async fn known(
        &self,
        transport: &Transport,
        remote: &Remote,
        scope: &str,
    ) -> UpstreamResult<Option<HeaderValue>> {
        let asked = Instant::now();
        let slot = self.slot(remote, scope);
        let mut slot = slot.lock().await;
        if let Some(header) = slot.usable() {
            return Ok(Some(header));
        }
        match &slot.login {
            Some(Login::Bearer { service, .. }) => {
                let service = service.clone();
                slot.renew(transport, remote, service, asked)
                    .await
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The `Authorization` that a 401 with these headers asks for, if there is
    /// a better one than `rejected`.
    pub(crate) async fn answer(
        &self,
        transport: &Transport,
        remote: &Remote,
        scope: &str,
        headers: &HeaderMap,
        rejected: Option<&HeaderValue>,
    ) -> UpstreamResult<Option<HeaderValue>> {
        let asked = Instant::now();
        let slot = self.slot(remote, scope);
        let mut slot = slot.lock().await;
        if let Some(header) = slot.usable()
            && Some(&header) != rejected
        {
            return Ok(Some(header));
        }
        match login(challenges(headers), remote, scope)? {
            Some(Login::Bearer { service, .. }) => slot
                .renew(transport, remote, service, asked)
                .await
                .map(Some),
            Some(Login::Basic(header)) if Some(&header) != rejected => {
                slot.login = Some(Login::Basic(header.clone()));
                Ok(Some(header))
            }
            _ => Ok(None),
        }
    }

    fn slot(&self, remote: &Remote, scope: &str) -> Arc<Mutex<Slot>> {
        self.0
            .get_with((remote.clone(), scope.to_owned()), Arc::default)
    }
}

impl Slot {
    fn usable(&self) -> Option<HeaderValue> {
        match &self.login {
            Some(Login::Basic(header)) => Some(header.clone()),
            Some(Login::Bearer {
                token: Some(token), ..
            }) if Instant::now() < token.until => Some(token.header.clone()),
            _ => None,
        }
    }

    /// Fetches a token; who waited while another's fetch failed shares that
    /// failure.
    async fn renew(
        &mut self,
        transport: &Transport,
        remote: &Remote,
        service: TokenService,
        asked: Instant,
    ) -> UpstreamResult<HeaderValue> {
        if let Some((at, error)) = &self.failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        let fetched = fetch(transport, remote, &service).await;
        match fetched {
            Ok(token) => {
                let header = token.header.clone();
                self.login = Some(Login::Bearer {
                    service,
                    token: Some(token),
                });
                Ok(header)
            }
            Err(error) => {
                self.login = Some(Login::Bearer {
                    service,
                    token: None,
                });
                self.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let texts = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    texts.flat_map(Challenge::parse_all).collect()
}

/// How to log in: by token if that is offered, else by password if there is
/// one.
fn login(
    challenges: Vec<Challenge>,
    remote: &Remote,
    scope: &str,
) -> UpstreamResult<Option<Login>> {
    let mut basic = None;
    for challenge in challenges {
        match challenge {
            Challenge::Bearer {
                realm,
                service,
                scope: asked,
            } => {
                let scope = asked.unwrap_or_else(|| scope.to_owned());
                let service = TokenService {
                    realm,
                    service,
                    scope,
                };
                return Ok(Some(Login::Bearer {
                    service,
                    token: None,
                }));
            }
            Challenge::Basic { .. } => basic = basic_header(remote)?,
            Challenge::Other { .. } => {}
        }
    }
    Ok(basic.map(Login::Basic))
}

fn basic_header(remote: &Remote) -> UpstreamResult<Option<HeaderValue>> {
    let Some((username, password)) = &remote.credential else {
        return Ok(None);
    };
    let credential = BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()));
    secret_header(&format!("Basic {credential}")).map(Some)
}

fn secret_header(text: &str) -> UpstreamResult<HeaderValue> {
    let mut header = HeaderValue::from_str(text)
        .map_err(|_| UpstreamError::Invalid("a token that fits in no header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Gets a token.
async fn fetch(
    transport: &Transport,
    remote: &Remote,
    service: &TokenService,
) -> UpstreamResult<Token> {
    let url = token_url(remote, service)?;
    let home = base(remote)?;
    let reach = if url.origin() == home.origin() {
        Reach::Private
    } else {
        reach_from(&home).await
    };
    let mut request = Request::new(Method::GET, url);
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(header) = basic_header(remote)? {
        request.headers_mut().insert(AUTHORIZATION, header);
    }
    let fetched = Instant::now();
    let response = transport.send(request, reach, remote.insecure).await?;
    if response.status() != StatusCode::OK {
        return Err(error::of_status(response).await);
    }
    read_token(&body::whole(response, MAX_BODY).await?, fetched)
}

/// The token service's address with what is asked for. Over http only where
/// the remote itself is.
fn token_url(remote: &Remote, service: &TokenService) -> UpstreamResult<Url> {
    let invalid = |_| UpstreamError::Invalid("a token service without an address".to_owned());
    let mut url = Url::parse(&service.realm).map_err(invalid)?;
    let is_secret = url.scheme() == "https" || base(remote)?.scheme() == "http";
    let has_login = !url.username().is_empty() || url.password().is_some();
    if !is_secret || has_login {
        return Err(refused(&url));
    }
    let mut query = url.query_pairs_mut();
    if let Some(service) = &service.service {
        query.append_pair("service", service);
    }
    for scope in service.scope.split_ascii_whitespace() {
        query.append_pair("scope", scope);
    }
    if let Some((username, _)) = &remote.credential {
        query.append_pair("account", username);
    }
    drop(query);
    Ok(url)
}

/// The remote's base address.
pub(crate) fn base(remote: &Remote) -> UpstreamResult<Url> {
    let url = Url::parse(&remote.url)
        .ok()
        .filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| {
        UpstreamError::Refused("the endpoint's address is no http or https address".to_owned())
    })
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<i64>,
}

fn read_token(body: &[u8], fetched: Instant) -> UpstreamResult<Token> {
    let invalid = || UpstreamError::Invalid("the token service sent no token".to_owned());
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| invalid())?;
    let texts = [answer.token, answer.access_token].into_iter().flatten();
    let text = texts
        .into_iter()
        .find(|text| !text.is_empty())
        .ok_or_else(invalid)?;
    let said = answer
        .expires_in
        .and_then(|seconds| u64::try_from(seconds).ok());
    let seconds = said
        .filter(|seconds| *seconds > 0)
        .unwrap_or(DEFAULT_LIFETIME);
    let lifetime = Duration::from_secs(seconds.min(MAX_LIFETIME));
    let until = fetched + lifetime.saturating_sub(MARGIN.min(lifetime / 2));
    Ok(Token {
        header: secret_header(&format!("Bearer {text}"))?,
        until,
    })
}
