//! The configuration file.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::key::{Key, Kind};
use crate::nearest::nearest;
use crate::values::Values;
use crate::{KEYS, SettingsError, Source};

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

impl ConfigFile {
    /// Sets what the file sets.
    pub(crate) fn apply(&self, values: &mut Values) -> Result<(), SettingsError> {
        let table = DeTable::parse(&self.text).map_err(|error| SettingsError::File {
            path: self.path.clone(),
            line: self.line(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        for (name, value) in table.get_ref() {
            let line = self.line(name.span().start);
            let source = Source::File {
                path: self.path.clone(),
                line,
            };
            let name: &str = name.get_ref();
            let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
                let known = nearest(name, KEYS.iter().map(|key| key.name));
                SettingsError::Unknown {
                    place: format!("{name} ({source})"),
                    nearest: known.map(str::to_owned),
                }
            })?;
            let Some(texts) = texts(key, value) else {
                let reason = format!("must be {}", form(key.kind));
                return Err(SettingsError::Invalid {
                    key: key.name,
                    place: source,
                    reason,
                });
            };
            values.set(key, texts, source);
        }
        Ok(())
    }

    /// The line of a byte, from 1.
    fn line(&self, offset: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count()
    }
}

/// A value as texts, if it has the key's form.
fn texts(key: &Key, value: &Spanned<DeValue<'_>>) -> Option<Vec<String>> {
    match (key.kind, value.get_ref()) {
        (Kind::Text | Kind::Secret, DeValue::String(text)) => Some(vec![text.to_string()]),
        (Kind::Switch, DeValue::Boolean(value)) => Some(vec![value.to_string()]),
        (Kind::Number, DeValue::Integer(number)) if number.radix() == 10 => {
            Some(vec![number.as_str().replace('_', "")])
        }
        (Kind::List, DeValue::Array(items)) => {
            let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
            items.iter().map(text).collect()
        }
        _ => None,
    }
}

const fn form(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "a text in quotes",
        Kind::List => "an array of texts, as in [\"one\", \"two\"]",
        Kind::Number => "a decimal number without quotes",
        Kind::Switch => "true or false without quotes",
    }
}
