//! Items as this program writes and reads them: values of the domain in
//! attributes.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::key::{Key, PARTITION, SORT};
use super::schema::{LISTED_PARTITION, LISTED_SORT};

/// Attributes by name, as the SDK has them.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// A record: its key and its other attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Item(Attributes);

/// A value that an attribute can hold. Of `None` no attribute is made.
pub(super) trait Value {
    /// The attribute, if there is to be one.
    fn attribute(self) -> Option<AttributeValue>;
}

impl Item {
    /// A record with nothing but its key.
    pub(super) fn new(key: &Key) -> Self {
        Self(key.attributes())
    }

    /// Sets an attribute; of `None` there is none.
    #[must_use]
    pub(super) fn set(mut self, name: &'static str, value: impl Value) -> Self {
        if let Some(attribute) = value.attribute() {
            self.0.insert(name.to_owned(), attribute);
        }
        self
    }

    /// Lists the record in the index `listed`, see
    /// [`Query::listed`](super::table::Query::listed).
    #[must_use]
    pub(super) fn listed(self, partition: &str, sort: &str) -> Self {
        self.set(LISTED_PARTITION, partition).set(LISTED_SORT, sort)
    }

    /// The record's key.
    pub(super) fn key(&self) -> StoreResult<Key> {
        Ok(Key::new(self.text(PARTITION)?, self.text(SORT)?))
    }

    /// The record's sort key.
    pub(super) fn sort(&self) -> StoreResult<&str> {
        self.text(SORT)
    }

    /// What of the sort key stands behind `prefix`.
    pub(super) fn sort_behind(&self, prefix: &str) -> StoreResult<&str> {
        let behind = self.sort()?.strip_prefix(prefix);
        behind.ok_or_else(|| self.damaged(SORT, "is another record's"))
    }

    /// What of the partition key stands behind `prefix`.
    pub(super) fn partition_behind(&self, prefix: &str) -> StoreResult<&str> {
        let behind = self.text(PARTITION)?.strip_prefix(prefix);
        behind.ok_or_else(|| self.damaged(PARTITION, "is another record's"))
    }

    /// Its size as DynamoDB reckons it, about.
    pub(super) fn size(&self) -> usize {
        let sizes = self.0.iter().map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
                AttributeValue::B(bytes) => bytes.as_ref().len(),
                _ => 1,
            };
            name.len() + value
        });
        sizes.sum()
    }

    /// Whether there is such an attribute.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What `read` reads of an attribute that may be missing:
    /// `item.optional("email", Item::text)`.
    pub(super) fn optional<'a, T>(
        &'a self,
        name: &'static str,
        read: impl FnOnce(&'a Self, &'static str) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        self.has(name).then(|| read(self, name)).transpose()
    }

    /// A text.
    pub(super) fn text(&self, name: &'static str) -> StoreResult<&str> {
        match self.0.get(name) {
            Some(AttributeValue::S(text)) => Ok(text),
            found => Err(self.unlike(name, found, "a text")),
        }
    }

    /// A text that parses.
    pub(super) fn parsed<T>(&self, name: &'static str) -> StoreResult<T>
    where
        T: FromStr<Err: Error>,
    {
        let parsed = self.text(name)?.parse();
        parsed.map_err(|error| self.damaged(name, error))
    }

    /// A whole number.
    pub(super) fn number<T>(&self, name: &'static str) -> StoreResult<T>
    where
        T: FromStr<Err: Error>,
    {
        match self.0.get(name) {
            Some(AttributeValue::N(number)) => {
                number.parse().map_err(|error| self.damaged(name, error))
            }
            found => Err(self.unlike(name, found, "a number")),
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self, name: &'static str) -> StoreResult<bool> {
        match self.0.get(name) {
            Some(AttributeValue::Bool(flag)) => Ok(*flag),
            found => Err(self.unlike(name, found, "a flag")),
        }
    }

    /// A time.
    pub(super) fn time(&self, name: &'static str) -> StoreResult<Timestamp> {
        // Every i64 is within jiff's years.
        self.number(name)
            .map(|at: i64| Timestamp::from_nanosecond(at.into()).unwrap_or_default())
    }

    /// Bytes.
    pub(super) fn bytes(&self, name: &'static str) -> StoreResult<&[u8]> {
        match self.0.get(name) {
            Some(AttributeValue::B(bytes)) => Ok(bytes.as_ref()),
            found => Err(self.unlike(name, found, "bytes")),
        }
    }

    /// A list of parts, each with attributes of its own.
    pub(super) fn parts(&self, name: &'static str) -> StoreResult<Vec<Self>> {
        let parts = match self.0.get(name) {
            Some(AttributeValue::L(parts)) => parts,
            found => return Err(self.unlike(name, found, "a list")),
        };
        let part = |part: &AttributeValue| match part {
            AttributeValue::M(attributes) => Ok(Self(attributes.clone())),
            _ => Err(self.damaged(name, "is not a list of parts")),
        };
        parts.iter().map(part).collect()
    }

    /// What [`json`] wrote.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &'static str) -> StoreResult<T> {
        let damaged = |error: serde_json::Error| self.damaged(name, error);
        let stored: Stored<&RawValue> = serde_json::from_str(self.text(name)?).map_err(damaged)?;
        if stored.v > JSON_VERSION {
            return Err(self.damaged(name, "is of a newer version of this program"));
        }
        serde_json::from_str(stored.value.get()).map_err(damaged)
    }

    /// The error for an attribute that holds what was never written there.
    pub(super) fn damaged(&self, name: &str, why: impl Display) -> StoreError {
        let part = |name| match self.0.get(name) {
            Some(AttributeValue::S(text)) => text.as_str(),
            _ => "?",
        };
        let (partition, sort) = (part(PARTITION), part(SORT));
        StoreError::Corrupt(format!("{name} of the item {partition} / {sort}: {why}"))
    }

    fn unlike(&self, name: &str, found: Option<&AttributeValue>, wanted: &str) -> StoreError {
        let found = if found.is_some() {
            "is not"
        } else {
            "is missing, not"
        };
        self.damaged(name, format!("{found} {wanted}"))
    }

    /// The record as the SDK takes it.
    pub(super) fn into_attributes(self) -> Attributes {
        self.0
    }
}

impl From<Attributes> for Item {
    fn from(attributes: Attributes) -> Self {
        Self(attributes)
    }
}

impl Value for &str {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::S(self.to_owned()))
    }
}

impl Value for &String {
    fn attribute(self) -> Option<AttributeValue> {
        self.as_str().attribute()
    }
}

impl Value for String {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::S(self))
    }
}

impl Value for i64 {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::N(self.to_string()))
    }
}

impl Value for u64 {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::N(self.to_string()))
    }
}

impl Value for bool {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::Bool(self))
    }
}

impl Value for Timestamp {
    fn attribute(self) -> Option<AttributeValue> {
        nanoseconds(self).attribute()
    }
}

impl Value for Vec<u8> {
    fn attribute(self) -> Option<AttributeValue> {
        Some(AttributeValue::B(Blob::new(self)))
    }
}

impl Value for &[u8] {
    fn attribute(self) -> Option<AttributeValue> {
        self.to_vec().attribute()
    }
}

impl Value for &Bytes {
    fn attribute(self) -> Option<AttributeValue> {
        self.to_vec().attribute()
    }
}

impl Value for Vec<Item> {
    fn attribute(self) -> Option<AttributeValue> {
        let parts = self.into_iter().map(|part| AttributeValue::M(part.0));
        Some(AttributeValue::L(parts.collect()))
    }
}

impl<T: Value> Value for Option<T> {
    fn attribute(self) -> Option<AttributeValue> {
        self.and_then(Value::attribute)
    }
}

/// A time as nanoseconds since 1970; beyond the years 1677 to 2262 as their
/// ends.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    let end = if nanoseconds < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(nanoseconds).unwrap_or(end)
}

/// The version of the JSON in attributes.
const JSON_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    v: u32,
    value: T,
}

/// A value as JSON text: `{"v":1,"value":..}`.
pub(super) fn json<T: Serialize>(value: &T) -> StoreResult<String> {
    let stored = Stored {
        v: JSON_VERSION,
        value,
    };
    serde_json::to_string(&stored).map_err(StoreError::unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item::new(&Key::new("P#a", "A"))
    }

    #[test]
    fn what_was_set_is_read_back() {
        let time = Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap();
        let item = item()
            .set("text", "")
            .set("number", -5_i64)
            .set("flag", true)
            .set("time", time)
            .set("bytes", vec![0, 255])
            .set("json", json(&vec![1, 2]).unwrap())
            .set("nothing", None::<i64>);
        assert_eq!(item.text("text").unwrap(), "");
        assert_eq!(item.number::<i64>("number").unwrap(), -5);
        assert!(item.flag("flag").unwrap());
        assert_eq!(item.time("time").unwrap(), time);
        assert_eq!(item.bytes("bytes").unwrap(), [0, 255]);
        assert_eq!(item.json::<Vec<u8>>("json").unwrap(), [1, 2]);
        assert_eq!(item.optional("nothing", Item::number::<i64>).unwrap(), None);
        assert_eq!(item.key().unwrap(), Key::new("P#a", "A"));
    }

    #[test]
    fn a_missing_attribute_is_damage_that_names_the_item() {
        let error = item().text("name").unwrap_err().to_string();
        assert_eq!(
            error,
            "stored data is damaged: name of the item P#a / A: is missing, not a text"
        );
    }

    #[test]
    fn json_of_a_newer_version_is_refused() {
        let newer = format!(r#"{{"v":{},"value":[]}}"#, JSON_VERSION + 1);
        let error = item().set("json", newer).json::<Vec<u8>>("json");
        assert!(format!("{error:?}").contains("newer version"), "{error:?}");
    }
}
