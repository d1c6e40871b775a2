//! What signals ask for.

use std::process;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::stop::Stop;
use super::tls::Tls;

/// Watches for signals from now on: SIGTERM and SIGINT ask to stop, a second
/// one ends the process at once; SIGHUP reads the TLS files again.
pub(crate) fn watch(stop: &Stop, tls: Option<Arc<Tls>>) -> Result<()> {
    let listen = |kind| signal(kind).context("signals cannot be watched");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => reload(tls.as_deref()),
            }
        }
        stop.request();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopped at once by a second signal");
        exit();
    });
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

#[expect(clippy::exit, reason = "the second signal asks for exactly this")]
fn exit() -> ! {
    process::exit(1)
}

fn reload(tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        None => tracing::info!("nothing to read again, TLS is not on"),
        Some(Ok(())) => tracing::info!("TLS files read again"),
        Some(Err(error)) => {
            tracing::error!(
                error = format!("{error:#}"),
                "TLS files are bad, the old ones stay in use"
            );
        }
    }
}
