//! `berth admin`: looking after the data.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use berth_service::Service;
use berth_settings::Settings;
use berth_transfer::ImportOptions;
use clap::{Subcommand, ValueEnum};
use tokio::runtime;

mod check;
mod fsck;
mod gc;
mod list;
mod password;
mod progress;
mod rotate_key;
mod transfer;

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// List users or projects
    List {
        /// What to list
        what: Listed,
    },
    /// Give a user a new password; without a file one is generated and printed
    ResetPassword {
        /// The user's name
        user: String,
        /// File whose first line is the password, or - for standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Sign tokens with a new key; those of the old one are good until they expire
    RotateKey,
    /// Free what nothing names any more and is due, instead of waiting for the server to do so
    Gc {
        /// Only say what would be freed
        #[arg(long)]
        dry_run: bool,
    },
    /// Verify every record against its bytes; exits 1 if something is wrong
    Fsck,
    /// Write all that the store holds into a folder; run again, it goes on where it stopped
    Export {
        /// The folder, made if it is not there
        folder: PathBuf,
    },
    /// Read an exported folder into the store, which nobody serves; run again, it goes on
    Import {
        /// The folder
        folder: PathBuf,
        /// Leave out logins at other registries, which need the sealing key of the exported store
        #[arg(long)]
        without_logins: bool,
    },
    /// Make what the store needs and lacks: data folder, or table, bucket, queues and sealing key
    CreateStore,
    /// Probe what the store really does; exits 1 if something that is needed is missing
    CheckStore,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Listed {
    Users,
    Projects,
}

/// Runs a command on the data of `settings`.
pub(crate) fn run(settings: &Settings, command: &AdminCommand) -> Result<ExitCode> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the machine gives no threads")?;
    runtime.block_on(async {
        let service = async || {
            let wired = berth_wiring::attach(settings).await?;
            let settings = berth_wiring::service_settings(settings);
            anyhow::Ok(Service::new(wired.ports, settings))
        };
        match command {
            AdminCommand::List {
                what: Listed::Users,
            } => list::users(&service().await?).await?,
            AdminCommand::List {
                what: Listed::Projects,
            } => list::projects(&service().await?).await?,
            AdminCommand::ResetPassword {
                user,
                password_file,
            } => {
                let (service, file) = (service().await?, password_file.as_deref());
                password::reset(&service, &settings.data, user, file).await?;
            }
            AdminCommand::RotateKey => rotate_key::run(&service().await?).await?,
            AdminCommand::Gc { dry_run } => return gc::run(&service().await?, *dry_run).await,
            AdminCommand::Fsck => return fsck::run(&service().await?).await,
            AdminCommand::Export { folder } => {
                return transfer::export(&service().await?, folder).await;
            }
            AdminCommand::Import {
                folder,
                without_logins,
            } => {
                let options = ImportOptions {
                    without_logins: *without_logins,
                };
                return transfer::import(settings, folder, options).await;
            }
            AdminCommand::CreateStore => berth_wiring::create_store(settings).await?,
            AdminCommand::CheckStore => return check::run(settings).await,
        }
        Ok(ExitCode::SUCCESS)
    })
}
