//! Secrets that arrive in requests.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What Harbor shows in place of a secret it holds.
const MASK: &str = "*****";

/// A password or access secret out of a request.
///
/// It cannot be serialised, and `Debug` writes `*****`.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct SecretString(String);

impl SecretString {
    /// Hands out the secret itself.
    pub fn into_exposed(self) -> String {
        self.0
    }

    /// Whether the secret is the empty string, which a request that names none amounts to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

/// That a secret is held, as a response shows it; one that is not held is left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(crate) fn serialize_mask<S: Serializer>(_: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    MASK.serialize(serializer)
}
