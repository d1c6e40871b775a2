//! Digests: exactly the two registered algorithms are accepted, and are written
//! as they were read.
#![no_main]

use berth_fuzz::grammar::DIGEST;
use berth_oci::{Algorithm, Digest, Hasher};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = text.parse::<Digest>();
    assert_eq!(read.is_ok(), DIGEST.matches(text), "{text:?}");
    if let Ok(digest) = read {
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.hash().len(), digest.algorithm().hash_len());
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let whole = Digest::of(algorithm, text.as_bytes());
        assert_eq!(whole.to_string().parse(), Ok(whole));
        // A hash goes on after its state was stored between two requests.
        let (front, back) = text.as_bytes().split_at(text.len() / 2);
        let mut hasher = Hasher::new(algorithm);
        hasher.update(front);
        let mut resumed = Hasher::restore(&hasher.save()).expect("a stored state is restored");
        resumed.update(back);
        assert_eq!(resumed.finish(), whole);
    }
});
