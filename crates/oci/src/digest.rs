//! Content digests and the hashers that make them (OCI image spec, "Digests").

use std::fmt;
use std::hash::{Hash, Hasher as StdHasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha512};

/// A registered digest algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `sha256`, what every client uses unless told otherwise.
    #[default]
    Sha256,
    /// `sha512`.
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the encoded part, in bytes of hash.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(DigestError::Algorithm),
        }
    }
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not `algorithm:hex`, or the hex is malformed.
    #[error("a digest is written algorithm:lower-case-hex")]
    Malformed,
    /// An algorithm that this registry does not compute.
    #[error("the digest algorithm is not supported, use sha256 or sha512")]
    Algorithm,
}

/// A parsed content digest: algorithm and hash.
///
/// A plain copyable value; equality and order are by algorithm, then hash.
#[derive(Clone, Copy)]
pub struct Digest {
    algorithm: Algorithm,
    hash: [u8; 64],
}

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// SHA-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, bytes)
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash itself, without the algorithm.
    pub fn hash(&self) -> &[u8] {
        &self.hash[..self.algorithm.hash_len()]
    }

    /// The lower-case hex after the colon.
    pub fn hex(&self) -> String {
        self.write_hex(&mut [0; MAX_HEX]).to_owned()
    }

    /// The hex, written into `buffer`.
    fn write_hex<'a>(&self, buffer: &'a mut [u8; MAX_HEX]) -> &'a str {
        let hash = self.hash();
        for (digits, byte) in buffer.chunks_exact_mut(2).zip(hash) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 15)];
        }
        // It is ASCII.
        str::from_utf8(&buffer[..2 * hash.len()]).unwrap_or_default()
    }

    fn from_hash(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hash = [0; 64];
        hash[..bytes.len()].copy_from_slice(bytes);
        Self { algorithm, hash }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The hex digits of the longest hash.
const MAX_HEX: usize = 128;

const fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Malformed)?;
        let grammar = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if algorithm.is_empty()
            || !algorithm
                .bytes()
                .all(|b| grammar(b) || b"+._-".contains(&b))
        {
            return Err(DigestError::Malformed);
        }
        let algorithm: Algorithm = algorithm.parse()?;
        if hex.len() != algorithm.hash_len() * 2 {
            return Err(DigestError::Malformed);
        }
        let mut hash = [0; 64];
        for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
                return Err(DigestError::Malformed);
            };
            *byte = high << 4 | low;
        }
        Ok(Self { algorithm, hash })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.algorithm.as_str())?;
        formatter.write_str(":")?;
        formatter.write_str(self.write_hex(&mut [0; MAX_HEX]))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Digest {}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.algorithm, self.hash()).cmp(&(other.algorithm, other.hash()))
    }
}

impl Hash for Digest {
    fn hash<H: StdHasher>(&self, state: &mut H) {
        state.write(self.hash());
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A running hash whose state can be stored between two requests.
#[derive(Clone)]
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Hasher")
            .field(&self.algorithm())
            .finish()
    }
}

/// Format of a stored hash state; raised when the bytes change meaning.
const STATE_VERSION: u8 = 1;

impl Hasher {
    /// Starts a hash.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Hashes `bytes` behind what was hashed so far.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// Ends the hash.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(state) => Digest::from_hash(Algorithm::Sha256, &state.finalize()),
            Self::Sha512(state) => Digest::from_hash(Algorithm::Sha512, &state.finalize()),
        }
    }

    /// The state as bytes: a version, the algorithm, then the hash's own state.
    pub fn save(&self) -> Vec<u8> {
        let mut saved = vec![STATE_VERSION];
        match self {
            Self::Sha256(state) => {
                saved.push(0);
                saved.extend_from_slice(&state.serialize());
            }
            Self::Sha512(state) => {
                saved.push(1);
                saved.extend_from_slice(&state.serialize());
            }
        }
        saved
    }

    /// Restores a state written by [`Hasher::save`]; `None` if it is not one,
    /// or was written by a newer version.
    pub fn restore(saved: &[u8]) -> Option<Self> {
        match saved {
            [STATE_VERSION, 0, state @ ..] => Sha256::deserialize(state.try_into().ok()?)
                .ok()
                .map(Self::Sha256),
            [STATE_VERSION, 1, state @ ..] => Sha512::deserialize(state.try_into().ok()?)
                .ok()
                .map(Self::Sha512),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn parses_and_prints_what_it_parsed() {
        assert_eq!(ABC.parse::<Digest>().unwrap(), Digest::sha256(b"abc"));
        assert_eq!(Digest::sha256(b"abc").to_string(), ABC);
    }

    #[test]
    fn refuses_what_is_no_digest() {
        for (text, error) in [
            ("", DigestError::Malformed),
            ("sha256", DigestError::Malformed),
            ("sha256:", DigestError::Malformed),
            (
                "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
                DigestError::Malformed,
            ),
            ("sha256:ba78", DigestError::Malformed),
            (":ba78", DigestError::Malformed),
            ("SHA256:ba78", DigestError::Malformed),
            (
                "md5:900150983cd24fb0d6963f7d28e17f72",
                DigestError::Algorithm,
            ),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_saved_hash_goes_on_where_it_stopped(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            cut in 0_usize..400,
            wide in any::<bool>(),
        ) {
            let algorithm = if wide { Algorithm::Sha512 } else { Algorithm::Sha256 };
            let cut = cut.min(bytes.len());
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&bytes[..cut]);
            let mut restored = Hasher::restore(&hasher.save()).unwrap();
            restored.update(&bytes[cut..]);
            prop_assert_eq!(restored.finish(), Digest::of(algorithm, &bytes));
        }
    }

    #[test]
    fn a_state_of_another_version_is_refused() {
        let mut saved = Hasher::new(Algorithm::Sha256).save();
        saved[0] = STATE_VERSION + 1;
        assert!(Hasher::restore(&saved).is_none());
    }
}
