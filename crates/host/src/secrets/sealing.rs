//! Secrets that must be read back: AES-256-GCM under the instance's key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use berth_domain::{Sealed, Secret};
use berth_ports::SecretError;

use super::failed;
use super::sealing_key::SealingKey;

/// Format of a sealed text: this byte, the nonce, then ciphertext and tag.
/// Raised when the bytes change meaning.
const VERSION: u8 = 1;

/// Seals and opens. A sealed text opens only in the context it was sealed for,
/// so that one record's secret is of no use in another's place.
pub(super) struct Sealing(RandomizedNonceKey);

impl Sealing {
    pub(super) fn new(key: &SealingKey) -> Result<Self, SecretError> {
        RandomizedNonceKey::new(&AES_256_GCM, key.bytes())
            .map(Self)
            .map_err(failed("the sealing key was refused"))
    }

    pub(super) fn seal(&self, secret: &Secret, context: &str) -> Result<Sealed, SecretError> {
        let mut text = secret.reveal().as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut text)
            .map_err(failed("a secret was not sealed"))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Ok(Sealed(sealed))
    }

    pub(super) fn open(&self, sealed: &Sealed, context: &str) -> Result<Secret, SecretError> {
        let Some((&VERSION, rest)) = sealed.0.split_first() else {
            return Err(SecretError::Malformed);
        };
        let (nonce, text) = rest
            .split_at_checked(NONCE_LEN)
            .ok_or(SecretError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SecretError::Malformed)?;
        let mut text = text.to_vec();
        let text = self
            .0
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut text)
            .map_err(|_| SecretError::Unsealable)?;
        let text = str::from_utf8(text).map_err(|_| SecretError::Malformed)?;
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealing(byte: u8) -> Sealing {
        Sealing::new(&SealingKey::from_bytes([byte; 32])).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_in_its_context() {
        let sealing = sealing(1);
        for text in ["", "a token", &"é".repeat(5000)] {
            let sealed = sealing.seal(&Secret::new(text), "registry:1").unwrap();
            assert_eq!(sealing.open(&sealed, "registry:1").unwrap().reveal(), text);
        }
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let sealing = sealing(1);
        let [one, other] = [(); 2].map(|()| sealing.seal(&Secret::new("a"), "c").unwrap());
        assert_ne!(one, other);
    }

    #[test]
    fn another_key_another_context_or_damage_do_not_open_it() {
        let sealed = sealing(1)
            .seal(&Secret::new("a token"), "registry:1")
            .unwrap();
        let unsealable =
            |opened: Result<Secret, SecretError>| matches!(opened, Err(SecretError::Unsealable));
        assert!(unsealable(sealing(2).open(&sealed, "registry:1")));
        assert!(unsealable(sealing(1).open(&sealed, "registry:2")));
        for at in 1..sealed.0.len() {
            let mut damaged = sealed.clone();
            damaged.0[at] ^= 1;
            assert!(
                unsealable(sealing(1).open(&damaged, "registry:1")),
                "byte {at}"
            );
        }
    }

    #[test]
    fn a_newer_format_or_a_stump_is_refused() {
        let sealed = sealing(1).seal(&Secret::new("a"), "c").unwrap();
        let mut newer = sealed.clone();
        newer.0[0] = VERSION + 1;
        assert!(matches!(
            sealing(1).open(&newer, "c"),
            Err(SecretError::Malformed)
        ));
        for length in 0..sealed.0.len() {
            assert!(
                sealing(1)
                    .open(&Sealed(sealed.0[..length].to_vec()), "c")
                    .is_err()
            );
        }
    }
}
