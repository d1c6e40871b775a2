//! Verifying every record against its bytes.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use berth_service::{FsckProgress, Service};

use super::progress::{Bar, bytes};

pub(super) async fn run(service: &Service) -> Result<ExitCode> {
    let mut bar = Bar::new();
    let report = service
        .fsck(&mut |seen| bar.draw(seen.bytes, seen.total_bytes))
        .await;
    bar.clear();
    let report = report?;
    let mut out = io::stdout().lock();
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    let FsckProgress {
        repositories,
        manifests,
        tags,
        links,
        blobs,
        bytes: read,
        ..
    } = report.seen;
    writeln!(
        out,
        "verified {repositories} repositories, {manifests} manifests, {tags} tags, {links} links, {blobs} blobs ({})",
        bytes(read)
    )?;
    if report.faults.is_empty() {
        writeln!(out, "nothing is wrong")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "faults: {}", report.faults.len())?;
    Ok(ExitCode::FAILURE)
}
