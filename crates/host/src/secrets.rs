//! Cryptography: passwords, tokens, sealing, keyed hashes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::{constant_time, error::Unspecified};
use berth_domain::{PasswordHash, Sealed, Secret, SigningKey};
use berth_ports::{SecretError, Secrets, TokenError, TokenRequest, VerifiedToken};
use jiff::Timestamp;
use tokio::task;

pub use sealing_key::{SealingKey, SealingKeyError};

use fingerprint::Fingerprints;
use passwords::Passwords;
use sealing::Sealing;
use token_keys::TokenKeys;

mod fingerprint;
mod passwords;
mod random;
mod sealing;
mod sealing_key;
mod token_keys;
mod tokens;

/// [`Secrets`] by argon2, jsonwebtoken and aws-lc-rs. Cheap to clone.
#[derive(Clone)]
pub struct HostSecrets {
    passwords: Passwords,
    fingerprints: Arc<Fingerprints>,
    sealing: Arc<Sealing>,
    token_keys: Arc<TokenKeys>,
}

impl HostSecrets {
    /// Secrets that are sealed under `key`.
    pub fn new(key: &SealingKey) -> Result<Self, SecretError> {
        Ok(Self {
            passwords: Passwords::new()?,
            fingerprints: Arc::new(Fingerprints::new()?),
            sealing: Arc::new(Sealing::new(key)?),
            token_keys: Arc::new(TokenKeys::default()),
        })
    }
}

impl fmt::Debug for HostSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HostSecrets(..)")
    }
}

#[async_trait]
impl Secrets for HostSecrets {
    async fn hash_password(&self, password: &Secret) -> Result<PasswordHash, SecretError> {
        self.passwords.hash(password).await
    }

    async fn verify_password(
        &self,
        password: &Secret,
        hash: &PasswordHash,
    ) -> Result<bool, SecretError> {
        self.passwords.verify(password, hash).await
    }

    async fn verify_nothing(&self, password: &Secret) -> Result<(), SecretError> {
        self.passwords.verify_nothing(password).await
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.fingerprints.of(parts)
    }

    fn equal(&self, one: &[u8], other: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(one, other).is_ok()
    }

    fn random_password(&self) -> Result<Secret, SecretError> {
        random::password()
    }

    fn seal(&self, secret: &Secret, context: &str) -> Result<Sealed, SecretError> {
        self.sealing.seal(secret, context)
    }

    fn open(&self, sealed: &Sealed, context: &str) -> Result<Secret, SecretError> {
        self.sealing.open(sealed, context)
    }

    async fn generate_signing_key(&self, now: Timestamp) -> Result<SigningKey, SecretError> {
        let sealing = Arc::clone(&self.sealing);
        blocking(move || token_keys::generate(&sealing, now)).await
    }

    async fn sign_token(
        &self,
        key: &SigningKey,
        request: &TokenRequest,
    ) -> Result<Secret, SecretError> {
        let (this, key, request) = (self.clone(), key.clone(), request.clone());
        blocking(move || {
            let pair = this.token_keys.get(&this.sealing, &key)?;
            tokens::sign(&pair.encoding, &key.kid, &request)
        })
        .await
    }

    fn verify_token(
        &self,
        token: &str,
        audience: &str,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        let kid = tokens::kid(token)?;
        let key = keys
            .iter()
            .find(|key| key.kid == kid)
            .ok_or(TokenError::UnknownKey)?;
        let pair = self.token_keys.get(&self.sealing, key).map_err(|error| {
            tracing::error!(kid, %error, "a signing key cannot be used");
            TokenError::UnknownKey
        })?;
        tokens::verify(token, kid, &pair.decoding, audience, now)
    }
}

/// Runs a slow computation off the request's thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
) -> Result<T, SecretError> {
    task::spawn_blocking(work)
        .await
        .map_err(|error| SecretError::Failed(error.to_string()))?
}

/// aws-lc tells no reason.
fn failed(what: &'static str) -> impl FnOnce(Unspecified) -> SecretError {
    move |Unspecified| SecretError::Failed(what.to_owned())
}
