//! What needs cryptography.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{PasswordHash, Sealed, Secret, SigningKey, TokenIdentity};
use jiff::Timestamp;
use std::time::Duration;

/// Why a secret could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A sealed text was sealed under another key, or is damaged.
    #[error("a stored secret cannot be opened, the sealing key is not the one it was sealed with")]
    Unsealable,
    /// A stored key or hash is malformed.
    #[error("a stored key or password hash is malformed")]
    Malformed,
    /// The machine refused randomness, memory or a thread.
    #[error("cryptography failed: {0}")]
    Failed(String),
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token of ours: shape, algorithm, issuer, audience or signature.
    #[error("the token is not valid here")]
    Invalid,
    /// It names a key that we do not have (any more).
    #[error("the token's key is not known")]
    UnknownKey,
    /// Its time is over.
    #[error("the token has expired, get a new one")]
    Expired,
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Who it is for and what it allows; `issued_at` is its `iat`.
    pub identity: TokenIdentity,
    /// The service it is for: its `aud`.
    pub audience: String,
    /// How long it is good for.
    pub lifetime: Duration,
}

/// A token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// What it says.
    pub identity: TokenIdentity,
    /// The key that signed it: it is good for as long as that is known.
    pub kid: String,
    /// Its `exp`: when it is good no longer, but for the leeway.
    pub expires_at: Timestamp,
}

/// Passwords, tokens, sealing, keyed hashes.
///
/// Slow computations run off the request's thread; at most two password hashes
/// are computed at once, the others wait.
#[async_trait]
pub trait Secrets: Debug + Send + Sync + 'static {
    /// Hashes a password for storing (argon2id).
    async fn hash_password(&self, password: &Secret) -> Result<PasswordHash, SecretError>;

    /// Whether `password` is the one that was hashed.
    async fn verify_password(
        &self,
        password: &Secret,
        hash: &PasswordHash,
    ) -> Result<bool, SecretError>;

    /// Spends as much work as [`verify_password`](Self::verify_password) does:
    /// for users that do not exist.
    async fn verify_nothing(&self, password: &Secret) -> Result<(), SecretError>;

    /// A keyed hash of `parts` under a key that lives as long as this process.
    /// Parts are told apart.
    fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32];

    /// Whether two texts are equal, in a time that does not tell where not.
    fn equal(&self, one: &[u8], other: &[u8]) -> bool;

    /// A random password that satisfies the password rule.
    fn random_password(&self) -> Result<Secret, SecretError>;

    /// Encrypts a secret for storing; `context` must be given again to open it.
    fn seal(&self, secret: &Secret, context: &str) -> Result<Sealed, SecretError>;

    /// Decrypts what [`seal`](Self::seal) made.
    fn open(&self, sealed: &Sealed, context: &str) -> Result<Secret, SecretError>;

    /// Makes a signing key.
    async fn generate_signing_key(&self, now: Timestamp) -> Result<SigningKey, SecretError>;

    /// Signs a token with `key`.
    async fn sign_token(
        &self,
        key: &SigningKey,
        request: &TokenRequest,
    ) -> Result<Secret, SecretError>;

    /// Verifies a token against `keys`: algorithm, signature, issuer,
    /// audience, times (leeway 60 s).
    fn verify_token(
        &self,
        token: &str,
        audience: &str,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError>;
}
