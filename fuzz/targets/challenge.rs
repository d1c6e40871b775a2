//! `WWW-Authenticate` of an upstream: what is read stays the same when it is
//! written and read again, and is no more than there was.
#![no_main]

use berth_oci::Challenge;
use libfuzzer_sys::fuzz_target;

/// The longest header that is read, in bytes.
const MAX_HEADER: usize = 8 * 1024;

fn texts(challenge: &Challenge) -> Vec<&str> {
    match challenge {
        Challenge::Bearer {
            realm,
            service,
            scope,
        } => [Some(realm), service.as_ref(), scope.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect(),
        Challenge::Basic { realm } => realm.iter().map(String::as_str).collect(),
        Challenge::Other { scheme } => {
            assert!(!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_graphic()));
            vec![scheme]
        }
    }
}

fuzz_target!(|header: &str| {
    let challenges = Challenge::parse_all(header);
    assert!(challenges.len() <= 8);
    let read: usize = challenges.iter().flat_map(texts).map(str::len).sum();
    assert!(read <= header.len().min(MAX_HEADER));

    let written: Vec<_> = challenges.iter().map(Challenge::to_string).collect();
    let written = written.join(", ");
    if written.len() <= MAX_HEADER {
        assert_eq!(Challenge::parse_all(&written), challenges, "{written:?}");
    }
});
