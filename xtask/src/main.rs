//! `cargo xtask`: what a person or CI runs, set-up included.
#![expect(clippy::print_stdout, reason = "a task runner talks to the terminal")]

mod apt;
mod aws;
#[cfg(target_os = "linux")]
mod bench;
mod cost;
mod fuzz;
mod go;
mod image;
mod install;
mod place;
mod report;
mod rust;
mod steps;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{place::Place, report::Report};

const HELP: &str = "\
usage: cargo xtask test [--no-install] [nextest filters and options]
       cargo xtask bench [--rounds N] [--only WORDS] [--servers NAMES] [--json FILE] [--svg FILE] [--berth FILE]
       cargo xtask fuzz [--seconds N] [TARGET]..
       cargo xtask aws up | down | test [--no-install] [nextest filters and options]
       cargo xtask cost [--write]

test

Says what it will install by name, asks on a terminal, installs it and runs
every check and test. With filters only the tests that match are run.

  --no-install  install nothing, run what can be run and list what was skipped

environment:
  CI=true       never ask; a missing program fails the run

bench

Measures Berth beside CNCF distribution, zot if it is on PATH, and nginx, one
after the other, and prints medians, ratios and what they should come to.

  --rounds N    measure everyone so often, 3 unless told; the median counts
  --only WORDS  only scenarios whose name has one of these words, with commas
  --servers NAMES  only these servers, with commas: berth, distribution, zot, zot-synced, nginx
                between them
  --json FILE   where the figures go, target/bench/results.json unless told
  --svg FILE    where the picture goes, target/bench/results.svg unless told
  --berth FILE  measure this program instead of a release build made now

fuzz

Runs the fuzz targets named, or all, one after the other, and prints how many
inputs each was given and what it found.

  --seconds N   how long each runs, 60 unless told

aws

Emulators of DynamoDB, S3, SQS, KMS and Secrets Manager, on free ports of this
machine, installed as for tests. What they hold is gone when they end.

  up            start them and print the environment that tests find them by
  down          end them
  test          run the tests of the adapters for AWS, over emulators that are
                up or for as long as the tests take

cost

What Berth costs on AWS by what tests counted (docs/costs.json) and by public
prices, beside ECR and Harbor on EKS; with every price and assumption.

  --write       put it into docs/operating.md too
";

fn main() -> ExitCode {
    let args = std::env::args().skip(1).collect();
    task(args).unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn task(mut args: Vec<String>) -> Result<ExitCode> {
    if args.is_empty() || args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    match args.remove(0).as_str() {
        "test" => test(args),
        #[cfg(target_os = "linux")]
        "bench" => bench::bench(args),
        #[cfg(not(target_os = "linux"))]
        "bench" => bail!("benchmarks read /proc, run them on linux"),
        "fuzz" => fuzz::fuzz(args),
        "aws" => aws::aws(args),
        "cost" => cost::cost(&args),
        other => bail!("unknown task `{other}`, see `cargo xtask --help`"),
    }
}

fn test(mut args: Vec<String>) -> Result<ExitCode> {
    let given = args.len();
    args.retain(|arg| arg != "--no-install");
    let no_install = args.len() < given;

    let place = Place::find()?;
    let mut report = Report::default();
    let missing = install::Missing::find(&place)?;
    let install = !no_install && missing.agreed(&place)?;
    if install {
        missing.install(&place, &mut report)?;
    } else {
        missing.skip(&mut report);
    }
    // Who let everything be installed, or runs this as CI, wants to know when a program is absent.
    let required = install || place.ci;
    steps::run(&place, &args, required, &mut report)?;
    Ok(report.finish(required))
}
