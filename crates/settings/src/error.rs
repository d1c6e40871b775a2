//! Why settings are refused.

use std::path::PathBuf;

use crate::Source;

/// Settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A source names a key that there is none of.
    #[error("{place} is no setting{}, `berth config` lists them all", suggestion(.nearest.as_deref()))]
    Unknown {
        /// What was named, and where.
        place: String,
        /// The known one that is spelt most like it, in the form of the source.
        nearest: Option<String>,
    },
    /// A value that the key cannot have.
    #[error("{key} ({place}) {reason}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// Where the value is from.
        place: Source,
        /// What is wrong with it; never the value of a secret.
        reason: String,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that means nothing without another.
    #[error("{given} is set without {missing}, set both or none")]
    Incomplete {
        /// The key that is set.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A key that needs one of two others.
    #[error("{given} is set with neither {one} nor {other}, set one of them")]
    Neither {
        /// The key that is set.
        given: &'static str,
        /// The first that would do.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// Keys of which only one may be set.
    #[error("{0} and {1} are both set, set one of them")]
    Exclusive(&'static str, &'static str),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest
        .map(|nearest| format!(", perhaps {nearest} is meant"))
        .unwrap_or_default()
}
