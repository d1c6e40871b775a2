//! The values of all keys before they are parsed.

use std::collections::BTreeMap;

use crate::key::{Key, Kind};
use crate::{KEYS, SettingsError, Source};

/// A value as texts, and where it is from. Only a list has other than one.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) texts: Vec<String>,
    pub(crate) source: Source,
}

/// The strongest value of each key that has one.
#[derive(Clone, Debug)]
pub(crate) struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Each key at its default.
    pub(crate) fn defaults() -> Self {
        let set = KEYS.iter().filter(|key| !key.default.is_empty());
        let default = |key: &Key| Value {
            texts: split(key, key.default),
            source: Source::Default,
        };
        Self(set.map(|key| (key.name, default(key))).collect())
    }

    /// Replaces the value of `key`.
    pub(crate) fn set(&mut self, key: &Key, texts: Vec<String>, source: Source) {
        self.0.insert(key.name, Value { texts, source });
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.0.get(key.name)
    }

    /// The parsed value of a key that has a default.
    pub(crate) fn one<T>(
        &self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        self.optional(key, parse)?.ok_or_else(|| self.missing(key))
    }

    /// The parsed values of a list that may not be empty.
    pub(crate) fn non_empty<T>(
        &self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, SettingsError> {
        let values = self.list(key, parse)?;
        if values.is_empty() {
            Err(self.missing(key))
        } else {
            Ok(values)
        }
    }

    /// The parsed value of a key, if it has one.
    pub(crate) fn optional<T>(
        &self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        Ok(self.list(key, parse)?.pop())
    }

    /// The parsed values of a list.
    pub(crate) fn list<T>(
        &self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, SettingsError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let invalid = |reason| SettingsError::Invalid {
            key: key.name,
            place: value.source.clone(),
            reason,
        };
        value
            .texts
            .iter()
            .map(|text| parse(text).map_err(invalid))
            .collect()
    }

    fn missing(&self, key: &Key) -> SettingsError {
        let place = self
            .get(key)
            .map_or(Source::Default, |value| value.source.clone());
        SettingsError::Invalid {
            key: key.name,
            place,
            reason: "needs a value".to_owned(),
        }
    }
}

/// A value that a variable holds, as texts.
pub(crate) fn split(key: &Key, text: &str) -> Vec<String> {
    match key.kind {
        Kind::List => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => vec![text.to_owned()],
    }
}
