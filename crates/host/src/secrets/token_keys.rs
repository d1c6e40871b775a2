//! The RSA keys that sign tokens: made, stored sealed, parsed once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use berth_domain::{Secret, SigningKey};
use berth_ports::SecretError;
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::failed;
use super::sealing::Sealing;

/// Length of what PKCS #8 (RFC 5208) puts before the `RSAPrivateKey` (RFC 8017)
/// of a 2048-bit key; jsonwebtoken wants the latter. All lengths in it are of
/// two bytes, so it is the same for each such key.
const PKCS8_PREFIX: usize = 26;

/// How many parsed keys are kept: more than are ever valid at once.
const KEPT: usize = 16;

/// A signing key, ready for use.
pub(super) struct TokenKey {
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

/// Makes a 2048-bit key; its `kid` is its public part's SHA-256.
pub(super) fn generate(sealing: &Sealing, now: Timestamp) -> Result<SigningKey, SecretError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed("no RSA key was made"))?;
    let pkcs8 = pair
        .as_der()
        .map_err(failed("an RSA key was not encoded"))?;
    let private = pkcs8
        .as_ref()
        .get(PKCS8_PREFIX..)
        .ok_or(SecretError::Malformed)?;
    KeyPair::from_der(private).map_err(|error| SecretError::Failed(error.to_string()))?;
    let kid = kid(&pair);
    let private = sealing.seal(&Secret::new(STANDARD.encode(private)), &context(&kid))?;
    Ok(SigningKey {
        kid,
        private,
        created_at: now,
    })
}

fn kid(pair: &KeyPair) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, pair.public_key().as_ref()))
}

/// What a key is sealed for.
fn context(kid: &str) -> String {
    format!("signing key {kid}")
}

fn parse(sealing: &Sealing, key: &SigningKey) -> Result<TokenKey, SecretError> {
    let private = sealing.open(&key.private, &context(&key.kid))?;
    let private = STANDARD
        .decode(private.reveal())
        .map_err(|_| SecretError::Malformed)?;
    let pair = KeyPair::from_der(&private).map_err(|_| SecretError::Malformed)?;
    Ok(TokenKey {
        encoding: EncodingKey::from_rsa_der(&private),
        decoding: DecodingKey::from_rsa_der(pair.public_key().as_ref()),
    })
}

/// Parsed keys by `kid`. A `kid` names one key for ever, so none goes stale.
#[derive(Default)]
pub(super) struct TokenKeys(Mutex<HashMap<String, Arc<TokenKey>>>);

impl TokenKeys {
    /// The key, parsed the first time it is asked for.
    pub(super) fn get(
        &self,
        sealing: &Sealing,
        key: &SigningKey,
    ) -> Result<Arc<TokenKey>, SecretError> {
        if let Some(parsed) = self.lock().get(&key.kid) {
            return Ok(Arc::clone(parsed));
        }
        let parsed = Arc::new(parse(sealing, key)?);
        let mut kept = self.lock();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key.kid.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<TokenKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
