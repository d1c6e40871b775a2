//! Bytes that do not compress.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use bytes::Bytes;

/// `length` random bytes, others at each call.
pub fn random_bytes(length: usize) -> Bytes {
    let seed = RandomState::new().hash_one(length);
    seeded_bytes(seed, 0..length as u64)
}

/// A range of the endless random bytes that `seed` stands for: any range at
/// any time, the same bytes each time. So content larger than memory can be
/// served and compared.
pub fn seeded_bytes(seed: u64, range: Range<u64>) -> Bytes {
    let first_word = range.start / 8;
    let skip = usize::try_from(range.start % 8).unwrap_or(0);
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(skip + length + 8);
    let mut word = first_word;
    while bytes.len() < skip + length {
        bytes.extend_from_slice(&mix(seed, word).to_le_bytes());
        word += 1;
    }
    Bytes::from(bytes).slice(skip..skip + length)
}

/// `SplitMix64` at position `word`.
fn mix(seed: u64, word: u64) -> u64 {
    let mut mixed = seed.wrapping_add(word.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeded_bytes_is_the_same_from_wherever_it_is_read() {
        let whole = seeded_bytes(7, 0..100);
        for start in 0..20 {
            assert_eq!(
                seeded_bytes(7, start..91),
                whole.slice(usize::try_from(start).unwrap()..91)
            );
        }
        assert_ne!(seeded_bytes(8, 0..100), whole);
        assert!(seeded_bytes(7, 5..5).is_empty());
    }

    #[test]
    fn random_bytes_differ_at_each_call() {
        assert_ne!(random_bytes(64), random_bytes(64));
    }
}
