//! Keyed hashes that nobody outside this process can compute.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use berth_ports::SecretError;

use super::failed;

/// HMAC-SHA256 under a key that was made with it.
pub(super) struct Fingerprints(hmac::Key);

impl Fingerprints {
    pub(super) fn new() -> Result<Self, SecretError> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(Self)
            .map_err(failed("no random key"))
    }

    /// The hash of `parts`, each behind its length.
    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_have_the_same_fingerprint_and_others_have_another() {
        let fingerprints = Fingerprints::new().unwrap();
        let one = fingerprints.of(&[b"ab", b"c"]);
        assert_eq!(one, fingerprints.of(&[b"ab", b"c"]));
        for others in [
            &[b"a".as_slice(), b"bc"][..],
            &[b"abc"],
            &[b"ab", b"c", b""],
            &[],
        ] {
            assert_ne!(one, fingerprints.of(others), "{others:?}");
        }
    }

    #[test]
    fn another_process_has_another_key() {
        let [one, other] = [(); 2].map(|()| Fingerprints::new().unwrap());
        assert_ne!(one.of(&[b"a"]), other.of(&[b"a"]));
    }
}
