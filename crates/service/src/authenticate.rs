//! Who makes a request: passwords and tokens.

use berth_domain::{Principal, Secret, User, UserIdentity, UserName};
use jiff::SignedDuration;

use crate::error::{Error, Result};
use crate::recent::Recent;
use crate::service::Service;

/// How long a verified password is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);
/// Failures that cost nothing.
const FREE_FAILURES: u32 = 5;
/// The longest wait after a failure.
const LONGEST_WAIT: i64 = 60;
/// How long failures are remembered.
const FAILURES_REMEMBERED: SignedDuration = SignedDuration::from_mins(15);

/// What a request brings to say who it is from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing.
    None,
    /// Name and password.
    Basic(String, Secret),
    /// A token of ours.
    Bearer(Secret),
}

/// What a process remembers of logins.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    /// Keyed hashes of user, record version and password that were verified.
    verified: Recent<[u8; 32], ()>,
    /// Failures in a row by user and address.
    failures: Recent<(String, String), u32>,
}

impl Service {
    /// Who a request is from. `address` is the client's, for slowing down
    /// failed logins. [`Error::Unauthorized`] if the credentials are wrong.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        address: &str,
    ) -> Result<Principal> {
        match credentials {
            Credentials::None => Ok(Principal::Anonymous),
            Credentials::Bearer(token) => {
                Ok(Principal::Token(self.verify_token(token.reveal()).await?))
            }
            Credentials::Basic(name, password) => {
                let user = self.login(name, password, address).await?;
                Ok(Principal::User(UserIdentity {
                    id: user.id,
                    name: user.name,
                    sysadmin: user.sysadmin,
                }))
            }
        }
    }

    async fn login(&self, name: &str, password: &Secret, address: &str) -> Result<User> {
        let key = (
            name.chars().take(255).collect::<String>(),
            address.to_owned(),
        );
        let user = match name.parse::<UserName>() {
            Ok(name) => self.ports.access.user(&name).await?,
            Err(_) => None,
        };
        let Some(user) = user else {
            self.check_pace(&key)?;
            self.ports.secrets.verify_nothing(password).await?;
            return Err(self.failed(key));
        };
        if self.is_remembered(&user, password) {
            return Ok(user);
        }
        self.check_pace(&key)?;
        if !self
            .ports
            .secrets
            .verify_password(password, &user.password)
            .await?
        {
            return Err(self.failed(key));
        }
        self.logins.failures.remove(&key);
        let now = self.now();
        self.logins
            .verified
            .put(self.fingerprint(&user, password), now, (), now - REMEMBERED);
        Ok(user)
    }

    /// Bound to the record's version, so that any change of the user ends it.
    fn fingerprint(&self, user: &User, password: &Secret) -> [u8; 32] {
        self.ports.secrets.fingerprint(&[
            &user.id.0.to_be_bytes(),
            &user.version.0.to_be_bytes(),
            password.reveal().as_bytes(),
        ])
    }

    fn is_remembered(&self, user: &User, password: &Secret) -> bool {
        let since = self.now() - REMEMBERED;
        self.logins
            .verified
            .get(&self.fingerprint(user, password), since)
            .is_some()
    }

    /// Refuses a try that comes too soon after failures.
    fn check_pace(&self, key: &(String, String)) -> Result<()> {
        let now = self.now();
        let Some((last, count)) = self.logins.failures.get(key, now - FAILURES_REMEMBERED) else {
            return Ok(());
        };
        let doublings = count.saturating_sub(FREE_FAILURES);
        if doublings == 0 {
            return Ok(());
        }
        let wait = 1_i64
            .checked_shl(doublings - 1)
            .map_or(LONGEST_WAIT, |s| s.min(LONGEST_WAIT));
        let left = wait - now.duration_since(last).as_secs();
        match u64::try_from(left) {
            Ok(seconds) if seconds > 0 => Err(Error::SlowDown { seconds }),
            _ => Ok(()),
        }
    }

    fn failed(&self, key: (String, String)) -> Error {
        let now = self.now();
        let since = now - FAILURES_REMEMBERED;
        let count = self
            .logins
            .failures
            .get(&key, since)
            .map_or(0, |(_, count)| count);
        self.logins
            .failures
            .put(key, now, count.saturating_add(1), since);
        Error::Unauthorized
    }
}
