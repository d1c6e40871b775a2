//! The token service (distribution's "Token Authentication Specification").

use std::time::UNIX_EPOCH;

use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::access::{Account, Credentials, Grant};
use super::body::Reply;
use super::settings::{HubSettings, TokenShape};
use super::state::State;
use super::{lock, query_values};

/// `GET /token`.
pub(super) fn token<B>(state: &State, request: &Request<B>) -> Reply {
    let settings = state.settings();
    let credentials = Credentials::of(request.headers());
    let account = match credentials {
        Credentials::None if settings.anonymous_tokens => None,
        _ => match credentials.account(&settings) {
            Some(account) => Some(account),
            None => return refusal(),
        },
    };
    let grant = grant(
        state,
        &settings,
        account,
        &query_values(request.uri(), "scope"),
    );
    let token = lock(&state.tokens).issue(grant, settings.token_lifetime);
    Reply::json(StatusCode::OK, &shape(&settings, &token))
}

fn refusal() -> Reply {
    let body = json!({"details": "incorrect username or password"});
    Reply::json(StatusCode::UNAUTHORIZED, &body)
}

/// What of the wanted scopes is given. Scopes are never refused, only left out.
fn grant(state: &State, settings: &HubSettings, account: Account, scopes: &[String]) -> Grant {
    let repositories = scopes
        .iter()
        .flat_map(|scopes| scopes.split(' '))
        .filter_map(pulled_repository)
        .filter(|repository| !settings.hides_absent_repositories || state.has(repository))
        .filter(|repository| {
            account.is_some() || !settings.private_repositories.contains(*repository)
        })
        .map(str::to_owned)
        .collect();
    Grant {
        account,
        repositories,
    }
}

/// The repository of a scope such as `repository:library/alpine:pull,push`.
fn pulled_repository(scope: &str) -> Option<&str> {
    let (repository, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let pulls = actions.split(',').any(|action| action == "pull");
    pulls.then_some(repository)
}

fn shape(settings: &HubSettings, token: &str) -> Value {
    let mut body = match settings.token_shape {
        TokenShape::Full => json!({"token": token, "access_token": token}),
        TokenShape::OnlyAccessToken => json!({"access_token": token}),
        TokenShape::OnlyToken => json!({"token": token}),
        TokenShape::WithoutTimes => return json!({"token": token}),
    };
    body["expires_in"] = settings.token_lifetime.as_secs().into();
    body["issued_at"] = now().into();
    body
}

/// The time in RFC 3339.
fn now() -> String {
    let since_epoch = UNIX_EPOCH.elapsed().unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}
