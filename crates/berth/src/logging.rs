//! Logs, to standard error.

use std::io::{self, IsTerminal as _};
use std::panic;

use anyhow::{Context as _, Result};
use berth_settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Logs from now on as the settings say, panics too.
pub(crate) fn start(settings: &LogSettings) -> Result<()> {
    let terminal = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(settings)?)
        .with_writer(io::stderr)
        .with_ansi(terminal);
    let json = match settings.format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .init();
    } else {
        builder.init();
    }
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task panicked")));
    Ok(())
}

/// Logs only what a person at a terminal must know.
pub(crate) fn start_quiet() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .init();
}

/// The settings' filter, if it is one.
pub(crate) fn filter(settings: &LogSettings) -> Result<EnvFilter> {
    EnvFilter::builder()
        .parse(&settings.filter)
        .with_context(|| {
            format!(
                "log is {:?}, it can be a level or a list such as info,berth_upstream=debug",
                settings.filter
            )
        })
}
