//! Error bodies of upstreams: what is read is bounded, and reads the same when
//! it is written.
#![no_main]

use berth_oci::ErrorBody;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Some(error) = ErrorBody::parse(body) else {
        return;
    };
    assert!((1..=16).contains(&error.errors.len()));
    assert!(
        error
            .errors
            .iter()
            .all(|entry| entry.message.chars().count() <= 1024)
    );
    let written = error.to_json();
    // Written it is escaped, and so may be longer than is read.
    if written.len() <= 64 * 1024 {
        assert_eq!(
            ErrorBody::parse(written.as_bytes()),
            Some(error),
            "{written}"
        );
    }
});
