//! The challenge of a 401.

use berth_oci::{RepositoryAccess, RepositoryName};
use berth_service::TOKEN_SERVICE;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::OciError;
use crate::app::HttpSettings;
use crate::origin::Origin;

/// The scope that a client needs for such access, as the challenge names it.
pub(super) fn scope(repository: &RepositoryName, access: RepositoryAccess) -> Option<String> {
    let actions = match access {
        RepositoryAccess::Pull => "pull",
        RepositoryAccess::Push => "pull,push",
        RepositoryAccess::Delete => "delete",
        RepositoryAccess::Catalog | RepositoryAccess::None => return None,
    };
    Some(format!("repository:{repository}:{actions}"))
}

/// The `WWW-Authenticate` header of a 401: Bearer where the client sent no
/// credentials, Basic where it sent wrong ones, as Harbor does.
pub(super) fn of(
    error: &OciError,
    parts: &Parts,
    settings: &HttpSettings,
    scope: Option<String>,
) -> Option<String> {
    if error.status() != StatusCode::UNAUTHORIZED {
        return None;
    }
    let sent = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let was_basic = sent.is_some_and(|value| !value.starts_with("Bearer "));
    if was_basic || parts.uri.path() == "/v2/_catalog" {
        return Some("Basic realm=\"harbor\"".to_owned());
    }
    let realm = format!("{}/service/token", Origin::of(parts, settings).base);
    let scope = scope
        .map(|scope| format!(",scope=\"{scope}\""))
        .unwrap_or_default();
    Some(format!(
        "Bearer realm=\"{realm}\",service=\"{TOKEN_SERVICE}\"{scope}"
    ))
}
