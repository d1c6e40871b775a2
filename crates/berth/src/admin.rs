//! `berth admin`: looking after the data.

use std::process::ExitCode;

use anyhow::Result;
use berth_settings::Settings;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Replace the key that signs tokens; tokens of the old one stay good until they expire
    RotateKey,
}

/// Runs a command on the data of `settings`.
pub(crate) fn run(_settings: &Settings, command: &AdminCommand) -> Result<ExitCode> {
    match command {
        AdminCommand::RotateKey => Ok(ExitCode::SUCCESS),
    }
}
