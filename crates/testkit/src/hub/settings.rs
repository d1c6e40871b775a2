//! How the double behaves while nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How the registry asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// A Bearer challenge that names the token service, as Docker Hub's.
    Bearer,
    /// A Basic challenge; there is no token service.
    Basic,
    /// Everyone reads everything, unasked.
    Open,
}

/// Which fields the token service's answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenShape {
    /// `token`, `access_token`, `expires_in` and `issued_at`, as Docker Hub's.
    Full,
    /// `token` and the times.
    OnlyToken,
    /// `access_token` and the times, as OAuth 2 has it.
    OnlyAccessToken,
    /// `token` alone: clients then count on 60 seconds.
    WithoutTimes,
}

/// How many manifest GETs each source has, in a window that never ends by
/// itself (`Hub::forget_pulls` ends it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullLimits {
    /// For all who come without an account, together.
    pub anonymous: u32,
    /// For each account.
    pub account: u32,
    /// `Retry-After` of the refusal, in seconds.
    pub retry_after: u32,
}

/// Settings of a `Hub`, given at its start and changed at run time.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own of the service that is played"
)]
pub struct HubSettings {
    /// How the registry asks who is there.
    pub authentication: Authentication,
    /// Password by account name. Every account reads every repository.
    pub accounts: BTreeMap<String, String>,
    /// Whether the token service answers those who come without an account;
    /// else it says 401.
    pub anonymous_tokens: bool,
    /// Repositories that only accounts read.
    pub private_repositories: BTreeSet<String>,
    /// Whether a repository that is not there is refused like a private one,
    /// with 401 and `insufficient_scope`, as Docker Hub does; else 404.
    pub hides_absent_repositories: bool,
    /// How long a token is good for: what `expires_in` says, and what is held.
    pub token_lifetime: Duration,
    /// Which fields the token service's answer has.
    pub token_shape: TokenShape,
    /// Limits on manifest GETs; no limit and no `ratelimit-*` headers if none.
    pub pull_limits: Option<PullLimits>,
    /// Whether GET and HEAD of a blob answer 307 to the CDN.
    pub redirects_blobs: bool,
    /// Whether blobs are served by Range; else a range is ignored, as allowed.
    pub serves_ranges: bool,
    /// Whether there is a referrers endpoint; else it says 404.
    pub serves_referrers: bool,
    /// Most tags on one page.
    pub tags_page: usize,
    /// Bytes of a body that are handed to the connection at a time.
    pub chunk_size: usize,
}

impl HubSettings {
    /// Docker Hub: anonymous tokens of five minutes, 100 pulls for anonymous
    /// and 200 for each account, blobs from the CDN, no referrers.
    pub fn docker_hub() -> Self {
        Self {
            authentication: Authentication::Bearer,
            accounts: BTreeMap::new(),
            anonymous_tokens: true,
            private_repositories: BTreeSet::new(),
            hides_absent_repositories: true,
            token_lifetime: Duration::from_mins(5),
            token_shape: TokenShape::Full,
            pull_limits: Some(PullLimits {
                anonymous: 100,
                account: 200,
                retry_after: 60,
            }),
            redirects_blobs: true,
            serves_ranges: true,
            serves_referrers: false,
            tags_page: 100,
            chunk_size: 64 * 1024,
        }
    }

    /// A registry without authentication, limits or CDN, and with referrers.
    pub fn open() -> Self {
        Self {
            authentication: Authentication::Open,
            hides_absent_repositories: false,
            pull_limits: None,
            redirects_blobs: false,
            serves_referrers: true,
            ..Self::docker_hub()
        }
    }

    /// As [`HubSettings::open`], but behind Basic authentication by one account.
    pub fn basic(account: &str, password: &str) -> Self {
        Self {
            authentication: Authentication::Basic,
            ..Self::open()
        }
        .account(account, password)
    }

    /// Adds an account.
    #[must_use]
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.accounts.insert(name.to_owned(), password.to_owned());
        self
    }
}

impl Default for HubSettings {
    fn default() -> Self {
        Self::docker_hub()
    }
}
