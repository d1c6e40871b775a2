//! Collecting what nothing names any more, also beside a running server.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Result;
use berth_service::{Preview, Service, Swept};

use super::progress::bytes;

/// How much further back in the line for the processor a collection stands.
const BACKGROUND: i32 = 10;

pub(super) async fn run(service: &Service, dry_run: bool) -> Result<ExitCode> {
    if dry_run {
        return preview(service).await;
    }
    // Whoever pulls or pushes meanwhile goes first. If the system will not, it
    // goes on as it is.
    let _ = rustix::process::nice(BACKGROUND);
    let swept = service
        .sweep_garbage(&mut |_| ControlFlow::Continue(()))
        .await?;
    let Swept {
        looked_at,
        links,
        manifests,
        blobs,
        bytes: freed,
        objects,
        later,
        failed,
    } = swept;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "looked at {looked_at}: freed {manifests} manifests, {links} links, {blobs} blobs ({}), {objects} objects",
        bytes(freed)
    )?;
    if later > 0 {
        writeln!(out, "to be looked at again later: {later}")?;
    }
    if failed > 0 {
        writeln!(out, "could not be looked at, see the log: {failed}")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn preview(service: &Service) -> Result<ExitCode> {
    let Preview {
        manifests,
        links,
        blobs,
        bytes: size,
        objects,
    } = service.preview_garbage().await?;
    writeln!(
        io::stdout(),
        "would free {manifests} manifests, {links} links, {blobs} blobs ({}), {objects} objects",
        bytes(size)
    )?;
    Ok(ExitCode::SUCCESS)
}
