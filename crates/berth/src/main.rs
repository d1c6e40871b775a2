//! `berth`: the command. It serves, and it administers what it serves.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

mod admin;
mod cli;
mod flags;
mod logging;
mod secret_file;
mod serve;
mod sources;

/// The system's allocator keeps what many uploads at once have freed, in heaps
/// of threads long idle; this one gives it back. It does without huge pages,
/// of which each thread would hold its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the command line or the settings say cannot be.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => with_settings(&arguments.flags, |effective| {
            logging::start(&effective.settings.log)?;
            serve::run(&effective.settings)
        }),
        Command::Config(arguments) => with_settings(&arguments.flags, |effective| {
            logging::filter(&effective.settings.log)?;
            io::stdout().write_all(effective.to_toml().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }),
        Command::Admin(arguments) => with_settings(&arguments.flags(), |effective| {
            logging::start_quiet();
            admin::run(&effective.settings, &arguments.command)
        }),
    }
}

fn with_settings(
    flags: &flags::Flags,
    run: impl FnOnce(berth_settings::Effective) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    match sources::settings(flags) {
        Ok(effective) => run(effective).unwrap_or_else(|error| fail(&error, ExitCode::FAILURE)),
        Err(error) => fail(&error, ExitCode::from(USAGE)),
    }
}

/// Says what failed, with all its causes.
fn fail(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    let is_closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_closed_pipe) {
        // Whoever reads our output has enough, as in `berth config | head`.
        return ExitCode::SUCCESS;
    }
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "berth: {error:#}");
    code
}
