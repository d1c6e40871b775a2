//! The token service: Bearer tokens for `/v2`, and the keys that sign them.

use std::sync::{Arc, PoisonError, RwLock};

use berth_domain::{
    Action, Principal, ProjectName, Resource, SigningKey, TokenAccess, TokenIdentity,
};
use berth_oci::Scope;
use berth_ports::{StoreError, TokenError, TokenRequest, VerifiedToken};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::links::contended;
use crate::recent::Recent;
use crate::service::Service;

/// The `service` of the Bearer challenge and the `aud` of tokens, as Harbor
/// has it.
pub const TOKEN_SERVICE: &str = "harbor-registry";

/// A token asks for at most this many scopes.
const MAX_SCOPES: usize = 64;

/// How long keys count as known: a rotation by another process is noticed this
/// much later.
const KEYS_FRESH: SignedDuration = SignedDuration::from_secs(5);

/// Signing keys, the youngest first.
type Keys = Arc<[SigningKey]>;

/// The signing keys that this process knows, and when it read them.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(RwLock<Option<(Timestamp, Keys)>>);

impl KnownKeys {
    fn get(&self, now: Timestamp) -> Option<Keys> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = |read: &Timestamp| now.duration_since(*read).abs() < KEYS_FRESH;
        known
            .as_ref()
            .filter(|(read, _)| fresh(read))
            .map(|(_, keys)| Arc::clone(keys))
    }

    fn set(&self, now: Timestamp, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((now, keys));
    }
}

/// Verified tokens that are remembered, and the longest of them in bytes:
/// together a few megabytes.
const REMEMBERED_TOKENS: usize = 4_096;
const LONGEST_REMEMBERED: usize = 2 * 1024;

/// Tokens that were verified, by their keyed hash, until they expire.
#[derive(Debug)]
pub(crate) struct VerifiedTokens(Recent<[u8; 32], Verified>);

/// What a token said, and the key that signed it.
#[derive(Clone, Debug)]
struct Verified {
    identity: Arc<TokenIdentity>,
    kid: Arc<str>,
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Recent::of_size(REMEMBERED_TOKENS))
    }
}

/// A token that was issued.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: berth_domain::Secret,
    /// For how many seconds it is good.
    pub expires_in: u64,
    /// Since when.
    pub issued_at: Timestamp,
}

impl Service {
    /// Issues a token. As in Harbor it carries all that the principal may do in
    /// each project that a scope names, not only what was asked for.
    pub async fn issue_token(
        &self,
        principal: &Principal,
        service: &str,
        scopes: &[Scope],
    ) -> Result<IssuedToken> {
        if service != TOKEN_SERVICE {
            return Err(Error::BadRequest(format!(
                "the service must be {TOKEN_SERVICE}"
            )));
        }
        if scopes.len() > MAX_SCOPES {
            return Err(Error::BadRequest(format!(
                "at most {MAX_SCOPES} scopes are allowed"
            )));
        }
        let mut access = Vec::with_capacity(scopes.len());
        for scope in scopes {
            access.push(self.access_for(principal, scope).await?);
        }
        let issued_at = self.now();
        let subject = match principal {
            Principal::Anonymous => String::new(),
            principal => principal.name().to_owned(),
        };
        let request = TokenRequest {
            identity: TokenIdentity {
                subject,
                access,
                issued_at,
            },
            audience: TOKEN_SERVICE.to_owned(),
            lifetime: self.settings.token_lifetime,
        };
        let key = self.signing_key().await?;
        let token = self.ports.secrets.sign_token(&key, &request).await?;
        Ok(IssuedToken {
            token,
            expires_in: request.lifetime.as_secs(),
            issued_at,
        })
    }

    async fn access_for(&self, principal: &Principal, scope: &Scope) -> Result<TokenAccess> {
        let mut actions = Vec::new();
        if scope.resource_type == "repository"
            && let Some(name) = scope.name.split_once('/').map(|(project, _)| project)
            && let Ok(name) = name.parse::<ProjectName>()
            && let Some(project) = self.ports.projects.project(&name).await?
        {
            for (resource, action) in [
                (Resource::Repository, Action::Pull),
                (Resource::Repository, Action::Push),
                (Resource::Artifact, Action::Delete),
            ] {
                if self.allows(principal, &project, resource, action).await? {
                    actions.push(action.as_str().to_owned());
                }
            }
        } else if scope.resource_type == "registry"
            && scope.name == "catalog"
            && principal.is_sysadmin()
        {
            actions.push("*".to_owned());
        }
        Ok(TokenAccess {
            kind: scope.resource_type.clone(),
            name: scope.name.clone(),
            actions,
        })
    }

    /// Who bears this token. One that was verified is not verified again until
    /// it expires, or its key is forgotten.
    pub async fn verify_token(&self, token: &str) -> Result<Arc<TokenIdentity>> {
        if token.len() > LONGEST_REMEMBERED {
            return Ok(Arc::new(
                self.verify_for(token, TOKEN_SERVICE).await?.identity,
            ));
        }
        let fingerprint = self.ports.secrets.fingerprint(&[token.as_bytes()]);
        let keys = self.signing_keys().await?;
        let now = self.now();
        if let Some((_, known)) = self.tokens.0.get(&fingerprint, now)
            && keys.iter().any(|key| key.kid == *known.kid)
        {
            return Ok(known.identity);
        }
        let verified = self.verify_for(token, TOKEN_SERVICE).await?;
        let identity = Arc::new(verified.identity);
        let known = Verified {
            identity: Arc::clone(&identity),
            kid: verified.kid.into(),
        };
        self.tokens
            .0
            .put(fingerprint, verified.expires_at, known, now);
        Ok(identity)
    }

    /// What a token of ours for `audience` says.
    pub(crate) async fn verify_for(&self, token: &str, audience: &str) -> Result<VerifiedToken> {
        let verify = |keys: &[SigningKey]| {
            let now = self.now();
            self.ports.secrets.verify_token(token, audience, keys, now)
        };
        let verified = match verify(&self.signing_keys().await?) {
            // Another instance may have made a new key.
            Err(TokenError::UnknownKey) => verify(&self.reload_keys().await?),
            verified => verified,
        };
        verified.map_err(|error| {
            tracing::debug!(%error, "token refused");
            Error::Unauthorized
        })
    }

    async fn signing_keys(&self) -> Result<Keys> {
        match self.keys.get(self.now()) {
            Some(keys) => Ok(keys),
            None => self.reload_keys().await,
        }
    }

    async fn reload_keys(&self) -> Result<Keys> {
        let now = self.now();
        let keys: Keys = self.ports.access.signing_keys().await?.into();
        self.keys.set(now, Arc::clone(&keys));
        Ok(keys)
    }

    /// The key to sign with; the first of all is made here.
    pub(crate) async fn signing_key(&self) -> Result<SigningKey> {
        if let Some(key) = self.signing_keys().await?.first() {
            return Ok(key.clone());
        }
        self.rotate_signing_key().await?;
        let made = self.signing_keys().await?.first().cloned();
        made.ok_or_else(|| contended("the signing key"))
    }

    /// Makes a new key that signs from now on, and forgets those whose tokens
    /// have all expired. Other instances that race to do so accept the winner's.
    pub async fn rotate_signing_key(&self) -> Result<()> {
        let known = self.ports.access.signing_keys().await?;
        let now = self.now();
        let key = self.ports.secrets.generate_signing_key(now).await?;
        let after = known.first().map(|key| key.kid.as_str());
        match self.ports.access.add_signing_key(&key, after).await {
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // A key signs until the next one is made; its last token lives on.
        let lifetime = SignedDuration::try_from(self.settings.token_lifetime)
            .map_err(|_| Error::BadRequest("the token lifetime is too long".to_owned()))?;
        let spent = now - lifetime - SignedDuration::from_mins(10);
        for pair in known.windows(2) {
            if let [successor, old] = pair
                && successor.created_at < spent
            {
                self.ports.access.delete_signing_key(&old.kid).await?;
            }
        }
        self.reload_keys().await?;
        Ok(())
    }
}
