//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::admin::AdminCommand;
use crate::flags::{CONFIG_FLAG_HELP, Flags};

/// A container registry and pull-through cache in one process.
#[derive(Debug, Parser)]
#[command(
    name = "berth",
    version,
    max_term_width = 100,
    after_help = "Start with `berth serve`; it needs no configuration."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the registry and the cache
    #[command(after_help = SERVE_HELP)]
    Serve(SettingsArguments),
    /// Print the settings that `serve` would use, and where each is from
    #[command(after_help = CONFIG_HELP)]
    Config(SettingsArguments),
    /// Look after the data of a server, also while it runs
    #[command(after_help = ADMIN_HELP)]
    Admin(AdminArguments),
}

const SERVE_HELP: &str = "\
Each flag is also an environment variable (--tls-cert is BERTH_TLS_CERT) and a key of the
file (tls_cert). A flag counts more than the environment, that more than the file. In the
environment only: BERTH_ADMIN_PASSWORD.

SIGTERM ends the server after the requests under way, a second one at once. SIGHUP reads
the TLS files again.

Examples:
  berth serve
  berth serve --data /var/lib/berth --listen 0.0.0.0:5000 --listen '[::]:5000'
  berth serve --mirror docker.io=127.0.0.1:5001
  berth serve --tls-cert chain.pem --tls-key key.pem --external-url https://registry.example.com";

const CONFIG_HELP: &str = "\
The output is a configuration file, secrets left out.

Examples:
  berth config > berth.toml
  BERTH_LISTEN=0.0.0.0:5000 berth config --config berth.toml";

const ADMIN_HELP: &str = "\
Examples:
  berth admin --data /var/lib/berth list projects
  berth admin reset-password admin --data /var/lib/berth
  berth admin fsck
  berth admin export /backup/registry";

#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(Debug, Args)]
pub(crate) struct AdminArguments {
    /// Folder of the server's data [default: ./berth-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = CONFIG_FLAG_HELP)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

impl AdminArguments {
    pub(crate) fn flags(&self) -> Flags {
        let data = self.data.clone().map(|data| ("data", vec![data]));
        Flags::new(self.config.clone(), data)
    }
}
