//! What is to be known of a setting.

/// A setting, as the sources, the help and the documentation name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file, in lower case with underscores.
    pub name: &'static str,
    /// What it does: a clause, lower case or not as its first word is.
    pub doc: &'static str,
    /// Its value if nobody sets it, as the environment would have it; empty:
    /// none.
    pub default: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// What the help calls its value.
    pub value_name: &'static str,
    /// Under which heading the help lists it.
    pub topic: Topic,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One text.
    Text,
    /// A text that is never shown, and has no flag: others see a command line.
    Secret,
    /// Any number of texts: a TOML array, a flag that can be repeated, a
    /// variable with commas.
    List,
    /// A whole number from 0 on.
    Number,
    /// `true` or `false`.
    Switch,
}

/// What a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Where data is kept.
    Storage,
    /// The store on AWS.
    Aws,
    /// Addresses.
    Network,
    /// What a first start makes.
    FirstStart,
    /// What the registry and its cache do.
    Registry,
    /// Times and numbers that bound what clients can take.
    Limits,
    /// Logs and metrics.
    Observation,
}

impl Topic {
    /// The heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Storage => "Storage",
            Self::Aws => "Storage on AWS, or on what speaks like it (store = aws)",
            Self::Network => "Network",
            Self::FirstStart => "First start",
            Self::Registry => "Registry and cache",
            Self::Limits => "Limits",
            Self::Observation => "Logs and metrics",
        }
    }
}

impl Key {
    /// The flag, with dashes; `None` for a secret.
    pub fn flag(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| format!("--{}", self.name.replace('_', "-")))
    }

    /// The environment variable.
    pub fn variable(&self) -> String {
        format!(
            "{}{}",
            crate::ENVIRONMENT_PREFIX,
            self.name.to_ascii_uppercase()
        )
    }
}
