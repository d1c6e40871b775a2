//! The stores of AWS on this machine: emulators that are started for a person or for tests.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{
    install::Missing,
    place::{self, Place},
    report::{Outcome, Report},
    steps,
};

use emulator::EMULATORS;
use running::Running;

pub(crate) mod emulator;
pub(crate) mod jars;
pub(crate) mod python;
mod running;

/// The tests of the whole program that also run over emulators.
const END_TO_END: &str =
    "test(/^(spec|conformance|clients|instances|memory|transfer|check_store|keys)::/)";

/// Starts or ends the emulators, or runs the tests that need them.
pub(crate) fn aws(mut args: Vec<String>) -> Result<ExitCode> {
    if args.is_empty() {
        bail!("`cargo xtask aws` wants to know what to do: up, down or test");
    }
    let task = args.remove(0);
    let no_install = args.iter().any(|arg| arg == "--no-install");
    args.retain(|arg| arg != "--no-install");
    let place = Place::find()?;
    match task.as_str() {
        "up" if args.is_empty() => up(&place, no_install),
        "down" if args.is_empty() => down(&place),
        "test" => test(&place, no_install, &args),
        _ => bail!("unknown task `aws {task}`, see `cargo xtask --help`"),
    }
}

fn up(place: &Place, no_install: bool) -> Result<ExitCode> {
    let mut report = Report::default();
    install(place, no_install, &mut report)?;
    let running = start(place)?;
    let lines = running
        .iter()
        .map(|one| format!("export {}={}", one.emulator.variable, one.address()));
    let lines = lines.collect::<Vec<_>>().join("\n") + "\n";
    let file = running::folder(place).join("env");
    fs::write(&file, &lines).context("cannot write the emulators' addresses")?;
    println!("\nrunning; for tests in this shell (also in target/aws/env):\n{lines}");
    Ok(ExitCode::SUCCESS)
}

fn down(place: &Place) -> Result<ExitCode> {
    for one in running::recorded(place)? {
        one.end(place)?;
    }
    running::forget(place)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests of the adapters.
fn test(place: &Place, no_install: bool, filters: &[String]) -> Result<ExitCode> {
    let mut report = Report::default();
    install(place, no_install, &mut report)?;
    tests(place, filters, place.ci, &mut report)?;
    Ok(report.finish(place.ci))
}

/// The tests of the adapters as a part of all tests, if there are emulators.
pub(crate) fn step(place: &Place, required: bool, report: &mut Report) -> Result<()> {
    if Missing::emulators(place)?.is_none() {
        return tests(place, &[], required, report);
    }
    report.skip("emulators of AWS: not installed");
    Ok(())
}

/// Runs the tests over emulators that run already or for as long as they take.
fn tests(place: &Place, filters: &[String], required: bool, report: &mut Report) -> Result<()> {
    let ran = running::all(place)?.is_some();
    let mut running = Vec::new();
    let started = report.step("start the emulators", || {
        running = start(place)?;
        Ok(Outcome::Done)
    });
    let tested = if started {
        over(place, &running, filters, required, report)
    } else {
        Ok(())
    };
    if !ran {
        report.step("end the emulators", || down(place).map(|_| Outcome::Done));
    }
    tested
}

/// Runs the adapters' tests, and, unless they are filtered, those of the whole program.
fn over(
    place: &Place,
    running: &[Running],
    filters: &[String],
    required: bool,
    report: &mut Report,
) -> Result<()> {
    let nextest = || {
        let mut command = steps::nextest(place);
        let addresses = running
            .iter()
            .map(|one| (one.emulator.variable, one.address()));
        command.envs(addresses);
        command
    };
    let mut adapters = nextest();
    adapters
        .args(["--package", "berth-store-aws"])
        .args(filters);
    let name = "tests over emulators";
    steps::run_tests(place, name, &mut adapters, required, report)?;
    if !filters.is_empty() {
        return Ok(());
    }
    let built = report.step("build berth for AWS", || {
        let mut command = place.cargo();
        command.args(["build", "--package", "berth", "--features", "aws"]);
        place::run(&mut command).map(|()| Outcome::Done)
    });
    if !built {
        return Ok(());
    }
    let mut whole = nextest();
    whole
        .args(["--package", "berth-tests", "--filterset", END_TO_END])
        .env("BERTH_TEST_STORE", "aws");
    let name = "end to end over emulators";
    steps::run_tests(place, name, &mut whole, required, report)
}

fn install(place: &Place, no_install: bool, report: &mut Report) -> Result<()> {
    let missing = Missing::emulators(place)?;
    if missing.is_none() {
        return Ok(());
    }
    if no_install || !missing.agreed(place)? {
        bail!("the emulators are not installed");
    }
    missing.install(place, report)
}

/// Those that run, if all do; else all anew.
fn start(place: &Place) -> Result<Vec<Running>> {
    if let Some(running) = running::all(place)? {
        return Ok(running);
    }
    down(place)?;
    fs::create_dir_all(running::folder(place)).context("cannot make target/aws")?;
    let mut running = Vec::new();
    for emulator in &EMULATORS {
        running.push(Running::start(place, emulator)?);
        // Recorded one by one: what was started can be ended if the next fails.
        running::record(place, &running)?;
    }
    for one in &running {
        one.wait(place)?;
    }
    Ok(running)
}
