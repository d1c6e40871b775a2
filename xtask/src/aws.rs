//! The stores of AWS on this machine: emulators that are started for a person or for tests.

use std::{
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use crate::{
    image,
    install::Missing,
    place::{self, Place},
    report::{Outcome, Report},
};

use emulator::EMULATORS;
use running::Running;

pub(crate) mod emulator;
pub(crate) mod jars;
mod running;

/// The tests of the whole program that also run over emulators.
const END_TO_END: &str = "test(/^(spec|conformance|clients)::/)";

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
    tests(place, filters, &mut report)?;
    Ok(report.finish(true))
}

/// The tests of the adapters as a part of all tests, if there are emulators.
pub(crate) fn step(place: &Place, report: &mut Report) -> Result<()> {
    if Missing::emulators(place)?.is_none() {
        return tests(place, &[], report);
    }
    report.skip("emulators of AWS: not installed");
    Ok(())
}

/// Runs the tests over emulators that run already or for as long as they take.
fn tests(place: &Place, filters: &[String], report: &mut Report) -> Result<()> {
    let ran = running::all(place)?.is_some();
    let mut running = Vec::new();
    let started = report.step("start the emulators", || {
        running = start(place)?;
        Ok(Outcome::Done)
    });
    if started {
        report.step("tests over emulators", || {
            let mut command = nextest(place, &running);
            command.args(["--package", "berth-store-aws"]).args(filters);
            place::run(&mut command).map(|()| Outcome::Done)
        });
    }
    if started && filters.is_empty() {
        let built = report.step("build berth for AWS", || {
            let mut command = place.cargo();
            command.args(["build", "--package", "berth", "--features", "aws"]);
            place::run(&mut command).map(|()| Outcome::Done)
        });
        if built {
            report.step("end to end over emulators", || {
                let mut command = nextest(place, &running);
                command
                    .args(["--package", "berth-tests", "--filterset", END_TO_END])
                    .env("BERTH_BIN", &place.berth)
                    .env("BERTH_TEST_STORE", "aws");
                if image::is_built(place) {
                    command.env("BERTH_TEST_IMAGE", image::layout(place));
                }
                place::run(&mut command).map(|()| Outcome::Done)
            });
        }
    }
    if !ran {
        report.step("end the emulators", || down(place).map(|_| Outcome::Done));
    }
    Ok(())
}

/// The runner of tests, told where the emulators are.
fn nextest(place: &Place, running: &[Running]) -> Command {
    let profile = if place.ci { "ci" } else { "default" };
    let mut command = place.cargo();
    command.args(["nextest", "run", "--profile", profile]);
    for one in running {
        command.env(one.emulator.variable, one.address());
    }
    command
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
