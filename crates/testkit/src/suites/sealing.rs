//! Behaviours of [`Secrets`](berth_ports::Secrets): sealing, fingerprints,
//! comparison.

use berth_domain::{Sealed, Secret};
use berth_ports::SecretError;

use crate::TwoSecrets;

suite! {
    /// Makes tests of the behaviours of `Secrets` about sealing and comparison.
    sealing_suite in sealing {
        a_sealed_secret_opens_in_its_context,
        a_sealed_secret_is_not_in_its_sealed_form,
        a_secret_is_sealed_differently_each_time,
        a_sealed_secret_does_not_open_in_another_context,
        a_sealed_secret_does_not_open_under_another_key,
        a_damaged_sealed_secret_does_not_open,
        equal_parts_have_equal_fingerprints,
        a_fingerprint_tells_its_parts_apart,
        equality_is_of_all_bytes,
    }
}

fn seal(secrets: &TwoSecrets, text: &str) -> Sealed {
    secrets.ours.seal(&Secret::new(text), "registry 1").unwrap()
}

fn assert_stays_sealed(opened: &Result<Secret, SecretError>) {
    let refused = matches!(
        opened,
        Err(SecretError::Unsealable | SecretError::Malformed)
    );
    assert!(refused, "{opened:?}");
}

/// Of any length.
pub async fn a_sealed_secret_opens_in_its_context(secrets: &TwoSecrets) {
    let long = "wörd ".repeat(1000);
    for text in ["", "p", "dckr_pat_123", &long] {
        let opened = secrets
            .ours
            .open(&seal(secrets, text), "registry 1")
            .unwrap();
        assert_eq!(opened.reveal(), text);
    }
}

/// Neither the whole nor a part.
pub async fn a_sealed_secret_is_not_in_its_sealed_form(secrets: &TwoSecrets) {
    let sealed = seal(secrets, "dckr_pat_123");
    assert!(!sealed.0.windows(8).any(|window| window == b"dckr_pat"));
}

/// Equal secrets cannot be told by their sealed forms.
pub async fn a_secret_is_sealed_differently_each_time(secrets: &TwoSecrets) {
    assert_ne!(seal(secrets, "dckr_pat_123"), seal(secrets, "dckr_pat_123"));
}

/// A record's secret cannot be put into another record.
pub async fn a_sealed_secret_does_not_open_in_another_context(secrets: &TwoSecrets) {
    let sealed = seal(secrets, "dckr_pat_123");
    for context in ["", "registry 2", "registry 12", "registry"] {
        assert_stays_sealed(&secrets.ours.open(&sealed, context));
    }
}

/// Who has the database alone has nothing.
pub async fn a_sealed_secret_does_not_open_under_another_key(secrets: &TwoSecrets) {
    let sealed = seal(secrets, "dckr_pat_123");
    assert_stays_sealed(&secrets.theirs.open(&sealed, "registry 1"));
}

/// Whichever byte is changed, added or missing.
pub async fn a_damaged_sealed_secret_does_not_open(secrets: &TwoSecrets) {
    let Sealed(sealed) = seal(secrets, "dckr_pat_123");
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_stays_sealed(&secrets.ours.open(&Sealed(changed), "registry 1"));
        let cut = Sealed(sealed[..place].to_vec());
        assert_stays_sealed(&secrets.ours.open(&cut, "registry 1"));
    }
    let longer = [&sealed[..], &[0]].concat();
    assert_stays_sealed(&secrets.ours.open(&Sealed(longer), "registry 1"));
}

/// In one process; in another one the key is another.
pub async fn equal_parts_have_equal_fingerprints(secrets: &TwoSecrets) {
    let parts: &[&[u8]] = &[b"ann", b"Harbor12345"];
    assert_eq!(
        secrets.ours.fingerprint(parts),
        secrets.ours.fingerprint(parts)
    );
    assert_ne!(
        secrets.ours.fingerprint(parts),
        secrets.theirs.fingerprint(parts)
    );
}

/// `ab` and `c` are not `a` and `bc`.
pub async fn a_fingerprint_tells_its_parts_apart(secrets: &TwoSecrets) {
    let all: [&[&[u8]]; 8] = [
        &[],
        &[b""],
        &[b"", b""],
        &[b"abc"],
        &[b"ab", b"c"],
        &[b"a", b"bc"],
        &[b"abc", b""],
        &[b"", b"abc"],
    ];
    let fingerprints: Vec<_> = all
        .iter()
        .map(|parts| secrets.ours.fingerprint(parts))
        .collect();
    for (place, fingerprint) in fingerprints.iter().enumerate() {
        assert!(
            !fingerprints[..place].contains(fingerprint),
            "{:?}",
            all[place]
        );
    }
}

/// And of the length.
pub async fn equality_is_of_all_bytes(secrets: &TwoSecrets) {
    for (one, other, equal) in [
        ("", "", true),
        ("secret", "secret", true),
        ("secret", "Secret", false),
        ("secret", "secreT", false),
        ("secret", "secre", false),
        ("", "s", false),
    ] {
        assert_eq!(
            secrets.ours.equal(one.as_bytes(), other.as_bytes()),
            equal,
            "{one} {other}"
        );
    }
}
