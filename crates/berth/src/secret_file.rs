//! Secrets that are kept in files.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use berth_domain::Secret;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// Reads a secret: a file's first line. `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Secret> {
    let text = if path == Path::new(STANDARD_INPUT) {
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .context("standard input cannot be read")?;
        line
    } else {
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
    };
    let secret = text.lines().next().unwrap_or_default();
    ensure!(
        !secret.is_empty(),
        "{} has no secret in its first line",
        path.display()
    );
    Ok(Secret::new(secret))
}
