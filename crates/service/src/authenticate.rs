//! Who makes a request: passwords and tokens.

use berth_domain::{Principal, Secret, User, UserIdentity, UserName};
use jiff::SignedDuration;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};
use crate::recent::Recent;
use crate::service::Service;
use crate::turns::Turns;

/// How long a verified password is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);
/// Failures that cost nothing.
const FREE_FAILURES: u32 = 5;
/// The longest wait after a failure.
const LONGEST_WAIT: i64 = 60;
/// Logins that may wait for a computation, of which two run at once.
const MOST_WAITING: usize = 256;
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
#[derive(Debug)]
pub(crate) struct Logins {
    /// Keyed hashes of user, record version and password that were verified.
    verified: Recent<[u8; 32], ()>,
    /// Tries since the last success, by user and address.
    failures: Recent<(String, String), u32>,
    /// Many clients with one password cost one computation.
    turns: Turns<[u8; 32]>,
    /// Places to wait for a computation.
    places: Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            verified: Recent::default(),
            failures: Recent::default(),
            turns: Turns::default(),
            places: Semaphore::new(MOST_WAITING),
        }
    }
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
            self.count_try(key)?;
            let _place = self.place()?;
            self.ports.secrets.verify_nothing(password).await?;
            return Err(Error::Unauthorized);
        };
        let fingerprint = self.fingerprint(&user, password);
        if self.is_remembered(&fingerprint) {
            return Ok(user);
        }
        let _place = self.place()?;
        let _turn = self.logins.turns.take(fingerprint).await;
        if self.is_remembered(&fingerprint) {
            return Ok(user);
        }
        self.count_try(key.clone())?;
        if !self
            .ports
            .secrets
            .verify_password(password, &user.password)
            .await?
        {
            return Err(Error::Unauthorized);
        }
        self.logins.failures.remove(&key);
        let now = self.now();
        self.logins
            .verified
            .put(fingerprint, now, (), now - REMEMBERED);
        Ok(user)
    }

    /// A place among those that wait for a computation, or a refusal.
    fn place(&self) -> Result<SemaphorePermit<'_>> {
        let busy = |_| Error::SlowDown { seconds: 1 };
        self.logins.places.try_acquire().map_err(busy)
    }

    /// Bound to the record's version, so that any change of the user ends it.
    fn fingerprint(&self, user: &User, password: &Secret) -> [u8; 32] {
        self.ports.secrets.fingerprint(&[
            &user.id.0.to_be_bytes(),
            &user.version.0.to_be_bytes(),
            password.reveal().as_bytes(),
        ])
    }

    fn is_remembered(&self, fingerprint: &[u8; 32]) -> bool {
        let since = self.now() - REMEMBERED;
        self.logins.verified.get(fingerprint, since).is_some()
    }

    /// Counts a try as failed until it succeeds, so that tries at the same time
    /// count too; refuses one that comes too soon after others.
    fn count_try(&self, key: (String, String)) -> Result<()> {
        let now = self.now();
        self.logins
            .failures
            .update(key, now, now - FAILURES_REMEMBERED, |last| {
                let Some((at, count)) = last else {
                    return Ok(1);
                };
                let left = wait_after(count) - now.duration_since(at).as_secs();
                match u64::try_from(left) {
                    Ok(seconds) if seconds > 0 => Err(Error::SlowDown { seconds }),
                    _ => Ok(count.saturating_add(1)),
                }
            })
    }
}

/// How many seconds to wait after so many failures.
fn wait_after(failures: u32) -> i64 {
    match failures.saturating_sub(FREE_FAILURES - 1) {
        0 => 0,
        doublings => 1_i64
            .checked_shl(doublings - 1)
            .map_or(LONGEST_WAIT, |seconds| seconds.clamp(1, LONGEST_WAIT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_after_five_failures_up_to_a_minute() {
        let waits: Vec<_> = [0, 4, 5, 6, 7, 10, 11, 12, 1_000]
            .into_iter()
            .map(wait_after)
            .collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 32, 60, 60, 60]);
    }
}
