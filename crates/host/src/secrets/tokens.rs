//! Tokens: JWTs (RFC 7519) signed with RS256, with the claims of the
//! distribution project's token specification.

use berth_domain::{Secret, TokenAccess, TokenIdentity};
use berth_ports::{SecretError, TokenError, TokenRequest, VerifiedToken};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::random;

/// The `iss` that Harbor's tokens have.
const ISSUER: &str = "harbor-token-issuer";

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 48 * 1024;

/// What a token says. Times are seconds since 1970.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: Vec<TokenAccess>,
}

/// Signs a token.
pub(super) fn sign(
    key: &EncodingKey,
    kid: &str,
    request: &TokenRequest,
) -> Result<Secret, SecretError> {
    let issued_at = request.identity.issued_at.as_second();
    let lifetime = i64::try_from(request.lifetime.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: request.identity.subject.clone(),
        aud: vec![request.audience.clone()],
        exp: issued_at.saturating_add(lifetime),
        nbf: issued_at,
        iat: issued_at,
        jti: random::text(16)?,
        access: request.identity.access.clone(),
    };
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::RS256)
    };
    jsonwebtoken::encode(&header, &claims, key)
        .map(Secret::new)
        .map_err(|error| SecretError::Failed(error.to_string()))
}

/// The `kid` that an unverified token names.
pub(super) fn kid(token: &str) -> Result<String, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
    if header.alg != Algorithm::RS256 {
        return Err(TokenError::Invalid);
    }
    header.kid.ok_or(TokenError::Invalid)
}

/// Verifies a token whose `kid` names `key`.
pub(super) fn verify(
    token: &str,
    kid: String,
    key: &DecodingKey,
    audience: &str,
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience]);
    // By the caller's clock, below.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map_err(|_| TokenError::Invalid)?
        .claims;
    let now = now.as_second();
    if claims.exp.saturating_add(LEEWAY) < now {
        return Err(TokenError::Expired);
    }
    if claims.nbf.max(claims.iat) > now.saturating_add(LEEWAY) {
        return Err(TokenError::Invalid);
    }
    let time = |second| Timestamp::from_second(second).map_err(|_| TokenError::Invalid);
    Ok(VerifiedToken {
        identity: TokenIdentity {
            subject: claims.sub,
            access: claims.access,
            issued_at: time(claims.iat)?,
        },
        kid,
        expires_at: time(claims.exp).unwrap_or(Timestamp::MAX),
    })
}
