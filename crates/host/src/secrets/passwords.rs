//! Password hashes: argon2id (RFC 9106), written as PHC strings.

use std::sync::Arc;

use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use berth_domain::{PasswordHash, Secret};
use berth_ports::SecretError;
use tokio::sync::Semaphore;

use super::{blocking, failed};

/// 19 MiB, two passes, one lane: what OWASP's password storage cheat sheet
/// asks for at least. A stored hash is verified with the figures it states.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many hashes are computed at once: each takes a processor and 19 MiB.
const AT_ONCE: usize = 2;

/// What the password of a user who does not exist is compared with. No
/// password is known to have this hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Computes and verifies password hashes, a few at once. Clones share the
/// limit.
#[derive(Clone)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    slots: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, SecretError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| SecretError::Failed(error.to_string()))?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Hashes a password under a fresh salt.
    pub(super) async fn hash(&self, password: &Secret) -> Result<PasswordHash, SecretError> {
        let password = password.clone();
        self.compute(move |argon2| {
            let mut salt = [0; 16];
            rand::fill(&mut salt).map_err(failed("no randomness"))?;
            let hash: phc::PasswordHash = argon2
                .hash_password_with_salt(password.reveal().as_bytes(), &salt)
                .map_err(|error| SecretError::Failed(error.to_string()))?;
            Ok(PasswordHash(hash.to_string()))
        })
        .await
    }

    /// Whether `password` has this hash.
    pub(super) async fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
    ) -> Result<bool, SecretError> {
        let (password, hash) = (password.clone(), hash.clone());
        self.compute(move |argon2| {
            let hash = phc::PasswordHash::new(&hash.0).map_err(|_| SecretError::Malformed)?;
            if hash.salt.is_none() || hash.hash.is_none() {
                return Err(SecretError::Malformed);
            }
            match argon2.verify_password(password.reveal().as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(error) => Err(SecretError::Failed(error.to_string())),
            }
        })
        .await
    }

    /// Does the work of [`verify`](Self::verify) and forgets the result.
    pub(super) async fn verify_nothing(&self, password: &Secret) -> Result<(), SecretError> {
        self.verify(password, &PasswordHash(NOBODY.to_owned()))
            .await
            .map(drop)
    }

    /// Computes when there is a slot, which is kept until the end even if the
    /// caller goes away.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|error| SecretError::Failed(error.to_string()))?;
        let argon2 = self.argon2.clone();
        blocking(move || {
            let _slot = slot;
            work(&argon2)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::RwLock;

    use super::*;

    #[tokio::test]
    async fn a_hash_states_its_parameters_and_verifies_its_password_only() {
        let passwords = Passwords::new().unwrap();
        let password = Secret::new("Harbor12345");
        let hash = passwords.hash(&password).await.unwrap();
        assert!(
            hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.0
        );
        assert!(passwords.verify(&password, &hash).await.unwrap());
        assert!(
            !passwords
                .verify(&Secret::new("Harbor12346"), &hash)
                .await
                .unwrap()
        );
        assert_ne!(
            passwords.hash(&password).await.unwrap(),
            hash,
            "the salt is fresh"
        );
    }

    #[tokio::test]
    async fn nobodys_hash_costs_what_a_users_costs() {
        let passwords = Passwords::new().unwrap();
        let user = passwords.hash(&Secret::new("Harbor12345")).await.unwrap();
        let [nobody, user] = [NOBODY, &user.0].map(|text| phc::PasswordHash::new(text).unwrap());
        assert_eq!(nobody.params, user.params);
        assert_eq!(nobody.hash.unwrap().len(), user.hash.unwrap().len());
        passwords
            .verify_nothing(&Secret::new("Harbor12345"))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_malformed_hash_is_told_from_a_wrong_password() {
        let passwords = Passwords::new().unwrap();
        for hash in ["", "plain", "$argon2id$v=19$m=1"] {
            let verified = passwords
                .verify(&Secret::new("a"), &PasswordHash(hash.into()))
                .await;
            assert!(verified.is_err(), "{hash}");
        }
    }

    #[tokio::test]
    async fn two_are_computed_at_once_and_the_others_wait() {
        let passwords = Passwords::new().unwrap();
        let entered = Arc::new(AtomicUsize::new(0));
        let release = Arc::new(RwLock::new(()));
        let held = release.write().await;
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let (passwords, entered) = (passwords.clone(), Arc::clone(&entered));
                let release = Arc::clone(&release);
                tokio::spawn(async move {
                    let work = move |_: &Argon2<'_>| {
                        entered.fetch_add(1, Ordering::SeqCst);
                        drop(release.blocking_read());
                        Ok(())
                    };
                    passwords.compute(work).await
                })
            })
            .collect();
        while entered.load(Ordering::SeqCst) < 2 || passwords.slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(entered.load(Ordering::SeqCst), 2);
        drop(held);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        assert_eq!(entered.load(Ordering::SeqCst), 4);
    }
}
