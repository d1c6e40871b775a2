//! Moving everything from one store to another, by a folder.

use std::future::Future;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use berth_service::Service;
use berth_settings::Settings;
use berth_transfer::{Exported, ImportOptions, Imported, Progress};

use super::progress::{Bar, bytes};

/// How often it is looked how far it has come.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn export(service: &Service, folder: &Path) -> Result<ExitCode> {
    let progress = Progress::default();
    let work = berth_transfer::export(service, folder, &progress);
    let exported = watched(&progress, Box::pin(work)).await;
    let Exported { counts, problems } = exported.context("the export stopped")?;
    let said = format!("exported {counts} ({})", bytes(counts.bytes));
    report(&problems, "could not be read and are left out", &said)
}

pub(super) async fn import(
    settings: &Settings,
    folder: &Path,
    options: ImportOptions,
) -> Result<ExitCode> {
    // As a server: on this machine, nobody else may write.
    let wired = berth_wiring::serve(settings).await?;
    let settings = berth_wiring::service_settings(settings);
    let service = Arc::new(Service::new(wired.ports.clone(), settings));
    let progress = Progress::default();
    let work = berth_transfer::import(&service, folder, options, &progress);
    let imported = watched(&progress, Box::pin(work)).await;
    wired.tasks.idle().await;
    let Imported {
        counts,
        new,
        conflicts,
    } = imported.context("the import stopped")?;
    let size = bytes(counts.bytes);
    let said = format!("the store has {counts} ({size}) of the export; {new} records are new");
    report(
        &conflicts,
        "are otherwise here and were left as they are",
        &said,
    )
}

/// Prints what there is to say; fails if there were problems.
fn report(problems: &[String], kind: &str, said: &str) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    writeln!(out, "{said}")?;
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} {kind}", problems.len())?;
    Ok(ExitCode::FAILURE)
}

/// Does work with a bar that shows how far it has come.
async fn watched<T>(progress: &Progress, work: impl Future<Output = T>) -> T {
    let (mut work, mut bar) = (pin!(work), Bar::new());
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            done = &mut work => {
                bar.clear();
                return done;
            }
            _ = looks.tick() => bar.draw(progress.done(), progress.total()),
        }
    }
}
