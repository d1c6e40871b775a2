//! How Harbor's JSON shows and reads what is not there.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether a value is its type's zero, which Harbor leaves out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Writes an empty array as `null`, as Harbor does where it never made the array.
pub(crate) fn null_if_empty<T, S>(values: &[T], serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize,
    S: Serializer,
{
    if values.is_empty() {
        serializer.serialize_none()
    } else {
        values.serialize(serializer)
    }
}

/// Reads `null` as the type's zero.
pub(crate) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
