//! Credentials from headers, and challenges for those without.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_domain::{Principal, Secret};
use berth_service::{Credentials, Error, Result};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::app::App;
use crate::origin::Origin;

/// Credentials longer than this are none. A token of 64 long scopes has less.
const MAX_CREDENTIALS: usize = 48 * 1024;

/// What the `Authorization` header says; [`Error::Unauthorized`] if it cannot
/// be read.
pub(crate) fn credentials(headers: &HeaderMap) -> Result<Credentials> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(Credentials::None);
    };
    let header = header.to_str().map_err(|_| Error::Unauthorized)?;
    let (scheme, value) = header.split_once(' ').ok_or(Error::Unauthorized)?;
    let value = value.trim();
    if value.len() > MAX_CREDENTIALS {
        return Err(Error::Unauthorized);
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(Secret::new(value)));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Error::Unauthorized);
    }
    let decoded = STANDARD.decode(value).map_err(|_| Error::Unauthorized)?;
    let decoded = String::from_utf8(decoded).map_err(|_| Error::Unauthorized)?;
    let (name, password) = decoded.split_once(':').ok_or(Error::Unauthorized)?;
    Ok(Credentials::Basic(name.to_owned(), Secret::new(password)))
}

impl App {
    /// Who makes a request.
    pub(crate) async fn principal(&self, parts: &Parts) -> Result<Principal> {
        let credentials = credentials(&parts.headers)?;
        // Only passwords are tried from somewhere.
        let address = match credentials {
            Credentials::Basic(..) => Origin::of(parts, &self.settings).client,
            Credentials::None | Credentials::Bearer(_) => String::new(),
        };
        self.service.authenticate(&credentials, &address).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        credentials(&headers)
    }

    #[test]
    fn basic_and_bearer_are_read() {
        let Ok(Credentials::Basic(name, password)) = read("basic YW5uOnM6cw==") else {
            panic!("no basic credentials")
        };
        assert_eq!((name.as_str(), password.reveal()), ("ann", "s:s"));
        assert!(
            matches!(read("Bearer x.y.z"), Ok(Credentials::Bearer(t)) if t.reveal() == "x.y.z")
        );
        assert!(matches!(
            credentials(&HeaderMap::new()),
            Ok(Credentials::None)
        ));
    }

    #[test]
    fn what_cannot_be_read_is_unauthorized_not_anonymous() {
        for header in ["Basic", "Basic !", "Basic YW5u", "Digest x", "Bearer"] {
            assert!(matches!(read(header), Err(Error::Unauthorized)), "{header}");
        }
    }
}
