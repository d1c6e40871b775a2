//! The host's secrets, but for passwords, whose hashing is slow by design.

use async_trait::async_trait;
use berth_domain::{PasswordHash, Sealed, Secret, SigningKey};
use berth_host::{HostSecrets, SealingKey};
use berth_ports::{SecretError, Secrets, TokenError, TokenRequest, VerifiedToken};
use jiff::Timestamp;
use tokio::sync::OnceCell;

/// Passwords in the clear and one signing key for all; the rest is real.
#[derive(Debug)]
pub(super) struct QuickSecrets {
    host: HostSecrets,
    key: OnceCell<SigningKey>,
}

impl Default for QuickSecrets {
    fn default() -> Self {
        let key = SealingKey::from_bytes([7; 32]);
        Self {
            host: HostSecrets::new(&key).expect("a sealing key"),
            key: OnceCell::new(),
        }
    }
}

#[async_trait]
impl Secrets for QuickSecrets {
    async fn hash_password(&self, password: &Secret) -> Result<PasswordHash, SecretError> {
        Ok(PasswordHash(password.reveal().to_owned()))
    }

    async fn verify_password(
        &self,
        password: &Secret,
        hash: &PasswordHash,
    ) -> Result<bool, SecretError> {
        Ok(password.reveal() == hash.0)
    }

    async fn verify_nothing(&self, _: &Secret) -> Result<(), SecretError> {
        Ok(())
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.host.fingerprint(parts)
    }

    fn equal(&self, one: &[u8], other: &[u8]) -> bool {
        self.host.equal(one, other)
    }

    fn random_password(&self) -> Result<Secret, SecretError> {
        self.host.random_password()
    }

    fn seal(&self, secret: &Secret, context: &str) -> Result<Sealed, SecretError> {
        self.host.seal(secret, context)
    }

    fn open(&self, sealed: &Sealed, context: &str) -> Result<Secret, SecretError> {
        self.host.open(sealed, context)
    }

    async fn generate_signing_key(&self, now: Timestamp) -> Result<SigningKey, SecretError> {
        let key = self
            .key
            .get_or_try_init(|| self.host.generate_signing_key(now));
        key.await.cloned()
    }

    async fn sign_token(
        &self,
        key: &SigningKey,
        request: &TokenRequest,
    ) -> Result<Secret, SecretError> {
        self.host.sign_token(key, request).await
    }

    fn verify_token(
        &self,
        token: &str,
        audience: &str,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        self.host.verify_token(token, audience, keys, now)
    }
}
