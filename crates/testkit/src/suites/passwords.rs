//! Behaviours of [`Secrets`](berth_ports::Secrets): passwords.

use berth_domain::{PasswordHash, Secret, is_strong_password};
use berth_ports::SecretError;

use crate::TwoSecrets;

suite! {
    /// Makes tests of the behaviours of `Secrets` about passwords.
    passwords_suite in passwords {
        a_password_is_verified_by_its_hash,
        a_hash_is_argon2ids_and_new_each_time,
        a_hash_is_verified_by_any_instance,
        what_is_no_hash_is_malformed,
        nobodys_password_is_verified_without_a_hash,
        random_passwords_are_strong_and_differ,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// And by no other.
pub async fn a_password_is_verified_by_its_hash(secrets: &TwoSecrets) {
    let ours = &secrets.ours;
    let hash = ours.hash_password(&secret("Harbor12345")).await.unwrap();
    assert!(
        ours.verify_password(&secret("Harbor12345"), &hash)
            .await
            .unwrap()
    );
    for wrong in ["", "harbor12345", "Harbor12345 ", "Harbor1234"] {
        assert!(
            !ours.verify_password(&secret(wrong), &hash).await.unwrap(),
            "{wrong:?}"
        );
    }
}

/// Equal passwords cannot be told by their hashes.
pub async fn a_hash_is_argon2ids_and_new_each_time(secrets: &TwoSecrets) {
    let one = secrets
        .ours
        .hash_password(&secret("Harbor12345"))
        .await
        .unwrap();
    let other = secrets
        .ours
        .hash_password(&secret("Harbor12345"))
        .await
        .unwrap();
    assert!(one.0.starts_with("$argon2id$"), "{}", one.0);
    assert_ne!(one, other);
}

/// No key of the instance is in it.
pub async fn a_hash_is_verified_by_any_instance(secrets: &TwoSecrets) {
    let hash = secrets
        .ours
        .hash_password(&secret("Harbor12345"))
        .await
        .unwrap();
    assert!(
        secrets
            .theirs
            .verify_password(&secret("Harbor12345"), &hash)
            .await
            .unwrap()
    );
}

/// That is not the same as a wrong password.
pub async fn what_is_no_hash_is_malformed(secrets: &TwoSecrets) {
    for stored in ["", "Harbor12345", "$argon2id$v=19$m=1"] {
        let hash = PasswordHash(stored.to_owned());
        let verified = secrets
            .ours
            .verify_password(&secret("Harbor12345"), &hash)
            .await;
        assert!(
            matches!(verified, Err(SecretError::Malformed)),
            "{stored:?}: {verified:?}"
        );
    }
}

/// Whatever the password.
pub async fn nobodys_password_is_verified_without_a_hash(secrets: &TwoSecrets) {
    secrets.ours.verify_nothing(&secret("")).await.unwrap();
    secrets
        .ours
        .verify_nothing(&secret("Harbor12345"))
        .await
        .unwrap();
}

/// So that one can be a first administrator's.
pub async fn random_passwords_are_strong_and_differ(secrets: &TwoSecrets) {
    let mut passwords = Vec::new();
    for _ in 0..100 {
        let password = secrets.ours.random_password().unwrap();
        assert!(is_strong_password(password.reveal()));
        assert!(!passwords.contains(&password));
        passwords.push(password);
    }
}
