//! What the store really does.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use berth_ports::{Finding, Verdict};
use berth_settings::Settings;

pub(super) async fn run(settings: &Settings) -> Result<ExitCode> {
    let findings = berth_wiring::check_store(settings).await?;
    let widest = findings.iter().map(|finding| finding.name.len()).max();
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{}", line(finding, widest.unwrap_or_default()))?;
    }
    let fails = |finding: &Finding| finding.verdict == Verdict::Fails;
    Ok(if findings.iter().any(fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn line(finding: &Finding, width: usize) -> String {
    let Finding {
        name,
        verdict,
        note,
    } = finding;
    let verdict = match verdict {
        Verdict::Ok => "ok",
        Verdict::Warns => "warns",
        Verdict::Fails => "FAILS",
        Verdict::Skipped => "skipped",
    };
    match note {
        Some(note) => format!("{name:width$}  {verdict}: {note}"),
        None => format!("{name:width$}  {verdict}"),
    }
}
