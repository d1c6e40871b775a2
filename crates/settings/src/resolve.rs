//! All sources together.

use crate::nearest::nearest;
use crate::values::{Values, split};
use crate::{ConfigFile, KEYS, Key, Settings, SettingsError, Source, render};

/// What every environment variable of ours begins with.
pub const ENVIRONMENT_PREFIX: &str = "BERTH_";

/// The one variable that is no setting: it names the file with the settings.
const CONFIG_VARIABLE: &str = "BERTH_CONFIG";

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Flags that were given, with their values.
    pub flags: Vec<(&'static Key, Vec<String>)>,
    /// The environment; variables of others are ignored.
    pub environment: Vec<(String, String)>,
    /// The configuration file, if one was named.
    pub file: Option<ConfigFile>,
}

impl Sources {
    /// The configuration file that the environment names, if it does.
    pub fn config_in_environment(&self) -> Option<&str> {
        let named = self
            .environment
            .iter()
            .find(|(name, _)| name == CONFIG_VARIABLE);
        named
            .map(|(_, path)| path.as_str())
            .filter(|path| !path.is_empty())
    }
}

/// What the sources amount to.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub settings: Settings,
    values: Values,
}

impl Effective {
    /// The settings as a configuration file: each with its meaning and where it
    /// is from, secrets hidden.
    pub fn to_toml(&self) -> String {
        render::toml(&self.values)
    }
}

/// Puts the sources together: a flag counts more than the environment, that
/// more than the file, that more than the default. A variable that is set to
/// nothing counts as not set.
pub fn resolve(sources: &Sources) -> Result<Effective, SettingsError> {
    let mut values = Values::defaults();
    if let Some(file) = &sources.file {
        file.apply(&mut values)?;
    }
    for (name, value) in &sources.environment {
        if !name.starts_with(ENVIRONMENT_PREFIX) || name == CONFIG_VARIABLE {
            continue;
        }
        let key = variable(name)?;
        if !value.is_empty() {
            values.set(key, split(key, value), Source::Environment(name.clone()));
        }
    }
    for (key, texts) in &sources.flags {
        let flag = key.flag().unwrap_or_default();
        values.set(key, texts.clone(), Source::Flag(flag));
    }
    let settings = Settings::parse(&values)?;
    Ok(Effective { settings, values })
}

fn variable(name: &str) -> Result<&'static Key, SettingsError> {
    KEYS.iter()
        .find(|key| key.variable() == name)
        .ok_or_else(|| {
            let known: Vec<_> = KEYS.iter().map(Key::variable).collect();
            let known = nearest(name, known.iter().map(String::as_str));
            SettingsError::Unknown {
                place: format!("environment variable {name}"),
                nearest: known.map(str::to_owned),
            }
        })
}
