//! Random texts.

use aws_lc_rs::rand;
use berth_domain::{Secret, is_strong_password};
use berth_ports::SecretError;

use super::failed;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `length` letters and digits, each of 62 equally likely.
pub(super) fn text(length: usize) -> Result<String, SecretError> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        rand::fill(&mut bytes).map_err(failed("no randomness"))?;
        let fair = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(fair.take(length - text.len()).copied().map(char::from));
    }
    Ok(text)
}

/// A password of 24 letters and digits (142 bits) that satisfies the rule.
pub(super) fn password() -> Result<Secret, SecretError> {
    loop {
        let password = text(24)?;
        if is_strong_password(&password) {
            return Ok(Secret::new(password));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_random_password_satisfies_the_rule_and_is_no_other() {
        let passwords: HashSet<_> = (0..200).map(|_| password().unwrap()).collect();
        assert_eq!(passwords.len(), 200);
        assert!(
            passwords
                .iter()
                .all(|password| is_strong_password(password.reveal()))
        );
    }

    #[test]
    fn a_random_text_has_its_length_and_uses_the_whole_alphabet() {
        let text = text(10_000).unwrap();
        assert_eq!(text.len(), 10_000);
        assert_eq!(text.bytes().collect::<HashSet<_>>().len(), ALPHABET.len());
    }
}
