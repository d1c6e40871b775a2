//! Where a value is from.

use std::fmt;
use std::path::PathBuf;

/// Where a setting's value is from, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag of the command line, by its name with dashes.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}, line {line}", path.display()),
            Self::Environment(name) | Self::Flag(name) => formatter.write_str(name),
        }
    }
}
