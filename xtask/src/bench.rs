//! `cargo xtask bench`: Berth beside other registries on this machine.

mod client;
mod configuration;
mod content;
mod json;
mod lab;
mod machine;
mod options;
mod process;
mod registry;
mod relay;
mod results;
mod scenarios;
mod seed;
mod server;
mod svg;
mod table;
mod targets;
mod wrk;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context, Result, ensure};

use crate::{
    bench::{
        json::json,
        lab::Lab,
        machine::Machine,
        options::Options,
        results::Who,
        scenarios::{SCENARIOS, Scenario},
        server::Programs,
        svg::svg,
        table::table,
    },
    place::{Place, run},
};

/// Runs the scenarios that are wanted; fails if something could not be measured.
pub(crate) fn bench(words: Vec<String>) -> Result<ExitCode> {
    let options = Options::parse(words)?;
    let wanted: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| options.wants(scenario.name))
        .collect();
    ensure!(
        !wanted.is_empty(),
        "no scenario matches, see `cargo xtask --help`"
    );
    let place = Place::find()?;
    let berth = match &options.berth {
        Some(program) => program.canonicalize().context("cannot find that program")?,
        None => build(&place)?,
    };
    let programs = Programs::find(&place, berth)?;
    if programs.of(Who::Zot).is_none() {
        println!("zot is not on PATH: it is not compared");
    }
    let mut lab = Lab::new(&place, programs, &options);
    for scenario in wanted {
        println!("\n== {}", scenario.name);
        lab.results.begin(scenario.name);
        let begin = Instant::now();
        (scenario.run)(&mut lab)?;
        println!(
            "-- {}: {:.0} s",
            scenario.name,
            begin.elapsed().as_secs_f64()
        );
    }
    finish(&options, &lab)?;
    for failure in &lab.failures {
        println!("FAILED {failure}");
    }
    Ok(ExitCode::from(u8::from(!lab.failures.is_empty())))
}

/// Prints the table and writes the files.
fn finish(options: &Options, lab: &Lab<'_>) -> Result<()> {
    let machine = Machine::find(&lab.programs, options.rounds);
    println!("\n{}\n\n{}", machine.lines.join("; "), table(&lab.results));
    let write = |wanted: &Option<PathBuf>, name: &str, text: String| {
        let file = wanted.clone().unwrap_or_else(|| lab.folder.join(name));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    write(&options.json, "results.json", json(&machine, &lab.results))?;
    write(&options.svg, "results.svg", svg(&lab.results))
}

/// The release build.
fn build(place: &Place) -> Result<PathBuf> {
    run(place
        .cargo()
        .args(["build", "--release", "--package", "berth"]))?;
    let folder = place.berth.parent().and_then(std::path::Path::parent);
    let folder = folder.context("cannot find the build folder")?;
    Ok(folder.join("release").join("berth"))
}
