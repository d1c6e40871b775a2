//! `berth serve`: every role in one process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use berth_http::{App, HttpSettings};
use berth_service::Service;
use berth_settings::Settings;
use berth_wiring::Wired;
use tokio::runtime;
use tokio::time::{Instant, timeout_at};
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use first_start::{FIRST_USER, INITIAL_PASSWORD};

use listeners::Listeners;
use server::Server;
use stop::Stop;
use tls::Tls;

mod connection;
mod first_start;
mod health;
mod leftover;
mod listeners;
mod metrics;
mod open_files;
mod send_file;
mod server;
mod signals;
mod socket;
mod stall;
mod stop;
mod taking;
mod tls;
mod worker;

/// Threads for files and passwords. Each holds on to memory that it once used,
/// and more of them do not make a disk faster.
const BLOCKING_THREADS: usize = 32;

/// What is still running when time is up gets this long to notice.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Serves until a signal ends it.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("the machine gives no threads")?;
    open_files::allow_all();
    let served = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(LAST_MOMENT);
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(settings: &Settings) -> Result<()> {
    let tls = settings
        .tls
        .clone()
        .map(Tls::load)
        .transpose()?
        .map(Arc::new);
    let Wired { ports, tasks, .. } = &berth_wiring::serve(settings).await?;
    let service = Arc::new(Service::new(
        ports.clone(),
        berth_wiring::service_settings(settings),
    ));
    let stop = Stop::new();
    signals::watch(&stop, tls.clone())?;

    let listeners = Listeners::bind(settings).await?;
    first_start::run(&service, settings).await?;
    let ownerless = service.discard_ownerless().await?;
    if ownerless > 0 {
        tracing::info!(ownerless, "unfinished objects without a session deleted");
    }
    let metrics = metrics::start(settings, &stop)?;
    let routes = berth_http::router(App {
        service: Arc::clone(&service),
        settings: Arc::new(http_settings(settings)),
    })
    .merge(health::routes(Arc::clone(&service), stop.clone()))
    .layer(CatchPanicLayer::new());

    let server = Server::new(settings.limits, tls, stop.clone());
    listeners.announce(settings)?;
    listeners.serve(&server, &routes, metrics);
    worker::start(service, settings.upload_idle, stop.clone());

    stop.requested().await;
    let deadline = Instant::now() + settings.limits.shutdown;
    tracing::info!(
        seconds = settings.limits.shutdown.as_secs(),
        "stopping, requests under way may end"
    );
    let ended = timeout_at(deadline, async {
        stop.finished().await;
        tasks.idle().await;
    });
    if ended.await.is_ok() {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped before all requests and tasks had ended");
    }
    Ok(())
}

fn http_settings(settings: &Settings) -> HttpSettings {
    let network = |network: &berth_settings::Network| berth_http::Network {
        address: network.address,
        prefix: network.prefix,
    };
    HttpSettings {
        external_url: settings.external_url.clone(),
        trusted_proxies: settings.trusted_proxies.iter().map(network).collect(),
    }
}
