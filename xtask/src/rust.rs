//! Cargo's own tools, built from their crates.

use std::fs;

use anyhow::{Context, Result};

use crate::place::{Place, run};

/// A crate that is installed at one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

const CRATES: [Crate; 3] = [
    Crate {
        name: "cargo-nextest",
        version: "0.9.151",
    },
    Crate {
        name: "cargo-deny",
        version: "0.20.2",
    },
    Crate {
        name: "cargo-fuzz",
        version: "0.13.2",
    },
];

/// The crates that are to be installed: neither here at this version nor anywhere else on PATH.
pub(crate) fn missing(place: &Place) -> Vec<Crate> {
    CRATES
        .into_iter()
        .filter(|tool| {
            let ours = place.target.join("tools/bin").join(tool.name);
            let stamp = fs::read_to_string(stamp(place, *tool)).unwrap_or_default();
            match place.program(tool.name) {
                Some(found) if found == ours => stamp != tool.version,
                found => found.is_none(),
            }
        })
        .collect()
}

/// The one that runs tests, if it is to be installed.
pub(crate) fn missing_for_tests(place: &Place) -> Vec<Crate> {
    let mut missing = missing(place);
    missing.retain(|tool| tool.name == "cargo-nextest");
    missing
}

/// Builds one, quickly rather than optimised: it runs for seconds.
pub(crate) fn install(place: &Place, tool: Crate) -> Result<()> {
    run(place
        .cargo()
        .args(["install", "--quiet", "--locked", "--force", "--debug"])
        .args(["--no-default-features", "--root"])
        .arg(place.target.join("tools"))
        .arg(format!("{}@{}", tool.name, tool.version)))?;
    fs::write(stamp(place, tool), tool.version)
        .with_context(|| format!("cannot note the version of {}", tool.name))
}

fn stamp(place: &Place, tool: Crate) -> std::path::PathBuf {
    place.target.join(format!("tools/{}.installed", tool.name))
}
