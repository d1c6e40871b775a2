//! Who is there: accounts, tokens, and the limit on their pulls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::Digest;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::settings::{HubSettings, PullLimits};
use crate::image::random_bytes;

/// Who pulls: an account, or none.
pub(super) type Account = Option<String>;

/// Credentials as they came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    None,
    Basic { account: String, password: String },
    Bearer(String),
    Malformed,
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Self::None;
        };
        let parsed = value.to_str().ok().and_then(|text| text.split_once(' '));
        match parsed {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Self::Bearer(token.to_owned())
            }
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                Self::basic(pair).unwrap_or(Self::Malformed)
            }
            _ => Self::Malformed,
        }
    }

    fn basic(pair: &str) -> Option<Self> {
        let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
        let (account, password) = pair.split_once(':')?;
        Some(Self::Basic {
            account: account.to_owned(),
            password: password.to_owned(),
        })
    }

    /// The account that these are the right credentials of.
    pub(super) fn account(&self, settings: &HubSettings) -> Option<String> {
        match self {
            Self::Basic { account, password } => {
                (settings.accounts.get(account) == Some(password)).then(|| account.clone())
            }
            _ => None,
        }
    }
}

/// What a token was issued for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) account: Account,
    /// The repositories that it pulls from.
    pub(super) repositories: BTreeSet<String>,
}

/// The tokens that are good.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    grants: BTreeMap<String, (Instant, Grant)>,
    issued: usize,
}

impl Tokens {
    pub(super) fn issue(&mut self, grant: Grant, lifetime: Duration) -> String {
        self.issued += 1;
        let token = random_hex();
        let expires = Instant::now() + lifetime;
        self.grants.insert(token.clone(), (expires, grant));
        token
    }

    pub(super) fn issued(&self) -> usize {
        self.issued
    }

    pub(super) fn revoke_all(&mut self) {
        self.grants.clear();
    }

    pub(super) fn grant(&self, token: &str) -> Option<Grant> {
        let (expires, grant) = self.grants.get(token)?;
        (Instant::now() < *expires).then(|| grant.clone())
    }
}

/// Random text that nobody guesses: a token, a signature.
pub(super) fn random_hex() -> String {
    Digest::sha256(&random_bytes(32)).hex()
}

/// How many manifest GETs each source has had.
#[derive(Debug, Default)]
pub(super) struct Pulls(BTreeMap<Account, u32>);

impl Pulls {
    /// Takes one pull, or says that none is left.
    pub(super) fn take(&mut self, account: &Account, limits: PullLimits) -> bool {
        let left = self.left(account, limits) > 0;
        if left {
            *self.0.entry(account.clone()).or_default() += 1;
        }
        left
    }

    pub(super) fn left(&self, account: &Account, limits: PullLimits) -> u32 {
        let taken = self.0.get(account).copied().unwrap_or(0);
        limit(account, limits).saturating_sub(taken)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// The limit of a source.
pub(super) fn limit(account: &Account, limits: PullLimits) -> u32 {
    match account {
        Some(_) => limits.account,
        None => limits.anonymous,
    }
}
