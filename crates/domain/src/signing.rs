//! Keys that sign tokens.

use jiff::Timestamp;

use crate::Sealed;

/// A signing key as stored: its private part sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The `kid` in a token's header.
    pub kid: String,
    /// Its private part.
    pub private: Sealed,
    /// When it was made: the youngest signs, older ones verify until the last
    /// token that they signed has expired.
    pub created_at: Timestamp,
}
