//! Typed settings from flags, environment and file.
//!
//! One table, [`KEYS`], drives all three sources: the flag `--tag-freshness-seconds`,
//! the variable `BERTH_TAG_FRESHNESS_SECONDS` and the TOML key
//! `tag_freshness_seconds` are one. A flag counts more than the environment,
//! that more than the file, that more than the default. What no key is called is
//! refused. Nothing here reads a file or the environment.

pub use aws::{AwsStore, Endpoints, SealingKeySource};
pub use error::SettingsError;
pub use file::ConfigFile;
pub use key::{Key, Kind, Topic};
pub use keys::KEYS;
pub use listen::{Listen, Mirror};
pub use network::Network;
pub use resolve::{ENVIRONMENT_PREFIX, Effective, Sources, resolve};
pub use settings::{
    AdminPassword, DockerHubLogin, Limits, LogFormat, LogSettings, Settings, Store, TlsFiles,
};
pub use source::Source;

mod aws;
mod error;
mod file;
mod key;
mod keys;
mod listen;
mod nearest;
mod network;
mod parse;
mod render;
mod resolve;
mod settings;
mod source;
mod values;
