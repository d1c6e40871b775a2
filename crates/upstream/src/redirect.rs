//! Redirects, followed by hand: credentials stay at home, and not every
//! address is gone to.

use berth_domain::Remote;
use berth_ports::{UpstreamError, UpstreamResult};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Request, Response};
use url::Url;

use crate::address::{Reach, reach_from, refused};
use crate::transport::Transport;

const MAX_REDIRECTS: usize = 5;

/// What to ask for.
#[derive(Debug)]
pub(crate) struct Ask {
    /// GET or HEAD.
    pub(crate) method: Method,
    /// Where to ask first, at the remote's own origin.
    pub(crate) url: Url,
    /// What a token for it must allow; empty for none in particular.
    pub(crate) scope: String,
    /// Headers for every hop.
    pub(crate) headers: HeaderMap,
}

/// An answer that is no redirect.
pub(crate) struct Answer {
    /// The answer.
    pub(crate) response: Response,
    /// Whether the remote itself gave it.
    pub(crate) at_home: bool,
}

impl Transport {
    /// Asks, and follows where the answers lead. `authorization` goes to the
    /// remote's scheme, host and port only.
    pub(crate) async fn follow(
        &self,
        remote: &Remote,
        ask: &Ask,
        authorization: Option<&HeaderValue>,
    ) -> UpstreamResult<Answer> {
        let home = ask.url.origin();
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let at_home = url.origin() == home;
            let mut request = Request::new(ask.method.clone(), url.clone());
            request.headers_mut().extend(ask.headers.clone());
            if at_home && let Some(authorization) = authorization {
                request
                    .headers_mut()
                    .insert(AUTHORIZATION, authorization.clone());
            }
            let reach = if at_home {
                Reach::Private
            } else {
                reach_from(&ask.url).await
            };
            let response = self.send(request, reach, remote.insecure).await?;
            if !is_redirect(response.status()) {
                return Ok(Answer { response, at_home });
            }
            url = target(&url, &response)?;
        }
        Err(UpstreamError::Invalid(format!(
            "more than {MAX_REDIRECTS} redirects"
        )))
    }
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// Where a redirect leads; not from https to http.
fn target(from: &Url, response: &Response) -> UpstreamResult<Url> {
    let invalid = || UpstreamError::Invalid("a redirect without a location".to_owned());
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    let mut target = from
        .join(location.ok_or_else(invalid)?)
        .map_err(|_| invalid())?;
    if from.scheme() == "https" && target.scheme() != "https" {
        return Err(refused(&target));
    }
    // Else they would be sent as Basic credentials.
    if target.set_username("").is_err() || target.set_password(None).is_err() {
        return Err(refused(&target));
    }
    Ok(target)
}
