//! The settings from the command line, the environment and the file.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use berth_settings::{ConfigFile, ENVIRONMENT_PREFIX, Effective, Sources, resolve};

use crate::flags::Flags;

/// Puts the sources together.
pub(crate) fn settings(flags: &Flags) -> Result<Effective> {
    let mut sources = Sources {
        flags: flags.given.clone(),
        environment: environment(env::vars_os())?,
        file: None,
    };
    let named = || sources.config_in_environment().map(PathBuf::from);
    sources.file = flags.config.clone().or_else(named).map(read).transpose()?;
    Ok(resolve(&sources)?)
}

fn read(path: PathBuf) -> Result<ConfigFile> {
    let text = fs::read_to_string(&path)
        .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
    Ok(ConfigFile { path, text })
}

fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>> {
    let ours = variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(ENVIRONMENT_PREFIX)
            .then_some((name, value))
    });
    ours.map(|(name, value)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(anyhow!("environment variable {name} is not UTF-8")),
    })
    .collect()
}
