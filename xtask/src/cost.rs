//! `cargo xtask cost`: what Berth costs on AWS, beside ECR and Harbor.

mod assumptions;
mod bill;
mod measured;
mod models;
mod page;
mod prices;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{cost::measured::Measured, place::Place};

/// Prints what it costs, with every price and assumption; with `--write` the
/// document's section is made anew.
pub(crate) fn cost(words: &[String]) -> Result<ExitCode> {
    let write = match words {
        [] => false,
        [word] if word == "--write" => true,
        [word, ..] => bail!("unknown option `{word}`, see `cargo xtask --help`"),
    };
    let docs = Place::find()?.root.join("docs");
    let measured = fs::read_to_string(docs.join("costs.json"));
    let measured = Measured::parse(&measured.context("cannot read docs/costs.json")?)?;
    let section = page::section(&measured)?;
    println!("{section}{}{}", page::prices()?, page::assumptions()?);
    if write {
        let file = docs.join("operating.md");
        let mut document = fs::read_to_string(&file).context("cannot read docs/operating.md")?;
        let place = page::place(&document)?;
        document.replace_range(place, &section);
        fs::write(&file, document).context("cannot write docs/operating.md")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
