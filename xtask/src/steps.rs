//! Every check and test, in the order in which they run.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use crate::{
    aws, fuzz, image,
    place::{self, Place},
    report::{Outcome, Report},
};

/// The crates that know no network, no files and no native code: they also run at the edge.
const PURE: [&str; 8] = [
    "berth-oci",
    "berth-domain",
    "berth-ports",
    "berth-service",
    "berth-jobs",
    "berth-harbor-api",
    "berth-http",
    "berth-settings",
];

/// All but what needs emulators: `aws` runs their tests.
const LOCAL: [&str; 3] = ["--workspace", "--exclude", "berth-store-aws"];

/// Runs the checks and the tests; with filters, only the tests that they match.
pub(crate) fn run(
    place: &Place,
    filters: &[String],
    required: bool,
    report: &mut Report,
) -> Result<()> {
    if filters.is_empty() {
        checks(place, report);
    }
    let built = report.step("build berth", || {
        done(place.cargo().args(["build", "--package", "berth"]))
    });
    if !built {
        return Ok(());
    }
    tests(place, filters, required, report)?;
    if filters.is_empty() {
        aws::step(place, required, report)?;
        report.step("doc tests", || {
            done(
                place
                    .cargo()
                    .args(["test", "--quiet", "--workspace", "--doc"]),
            )
        });
        fuzz::step(place, report);
    }
    Ok(())
}

fn checks(place: &Place, report: &mut Report) {
    report.step("fmt", || {
        done(place.cargo().args(["fmt", "--all", "--check"]))
    });
    report.step("clippy", || {
        done(place.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]))
    });
    report.step("rustdoc", || {
        done(
            place
                .cargo()
                .args([
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                ])
                .env("RUSTDOCFLAGS", "--deny=warnings"),
        )
    });
    report.step("wasm", || {
        let mut check = place.cargo();
        check.args(["check", "--target", "wasm32-unknown-unknown"]);
        for name in PURE {
            check.args(["--package", name]);
        }
        done(&mut check)
    });
    report.step("deny", || deny(place, &["bans", "licenses", "sources"]));
    report.step("advisories", || {
        // The database is a git repository, which not every network reaches.
        if place.program("cargo-deny").is_some()
            && place::run(place.cargo().args(["deny", "fetch", "db"])).is_err()
        {
            let why = "the advisory database cannot be fetched here";
            return Ok(Outcome::Skipped(why.to_owned()));
        }
        deny(place, &["--disable-fetch", "advisories"])
    });
}

fn deny(place: &Place, checks: &[&str]) -> Result<Outcome> {
    if place.program("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    done(
        place
            .cargo()
            .args(["deny", "--log-level=error", "check"])
            .args(checks),
    )
}

fn tests(place: &Place, filters: &[String], required: bool, report: &mut Report) -> Result<()> {
    let mut command = if place.program("cargo-nextest").is_some() {
        let mut command = nextest(place);
        let narrowed = |arg: &String| arg == "-p" || arg.starts_with("--package");
        if !filters.iter().any(narrowed) {
            command.args(LOCAL);
        }
        command
    } else {
        let mut command = place.cargo();
        command.args(["test", "--no-fail-fast"]).args(LOCAL);
        command.args(["--lib", "--bins", "--tests", "--"]);
        command
    };
    command.args(filters);
    run_tests(place, "tests", &mut command, required, report)
}

/// The runner of tests.
pub(crate) fn nextest(place: &Place) -> Command {
    let mut command = place.cargo();
    command.args(["nextest", "run", "--profile", profile(place)]);
    command
}

fn profile(place: &Place) -> &'static str {
    if place.ci { "ci" } else { "default" }
}

/// Runs tests as a step, and reports which of them failed and what they skipped.
pub(crate) fn run_tests(
    place: &Place,
    name: &str,
    command: &mut Command,
    required: bool,
    report: &mut Report,
) -> Result<()> {
    let skips = place.target.join("skipped-programs.txt");
    fs::write(&skips, "").context("cannot write the list of skipped programs")?;
    command
        .env("BERTH_BIN", &place.berth)
        .env("BERTH_SKIPS", &skips);
    if required {
        command.env("BERTH_REQUIRE_PROGRAMS", "1");
    }
    if image::is_built(place) {
        command.env("BERTH_TEST_IMAGE", image::layout(place));
    }
    let junit = place.target.join("nextest").join(profile(place));
    let junit = junit.join("junit.xml");
    let _ = fs::remove_file(&junit);

    report.step(name, || done(command));

    let lines = fs::read_to_string(&skips).context("cannot read the list of skipped programs")?;
    for line in lines.lines() {
        report.skip(line);
    }
    // Without nextest there is no such file, and its output names them.
    for test in failed_tests(&fs::read_to_string(&junit).unwrap_or_default()) {
        report.fail(&test);
    }
    Ok(())
}

fn done(command: &mut Command) -> Result<Outcome> {
    place::run(command).map(|()| Outcome::Done)
}

/// The names of the tests that failed, as nextest reports them.
fn failed_tests(junit: &str) -> Vec<String> {
    junit
        .split("<testcase ")
        .skip(1)
        .filter(|case| case.contains("<failure") || case.contains("<error"))
        .filter_map(|case| {
            let name = attribute(case, "name=")?;
            let binary = attribute(case, "classname=")?;
            Some(format!("{binary} {name}"))
        })
        .collect()
}

fn attribute<'a>(case: &'a str, name: &str) -> Option<&'a str> {
    case.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.split('"').nth(1))
}

#[cfg(test)]
mod tests {
    use super::failed_tests;

    #[test]
    fn failed_tests_are_named() {
        let junit = r#"<testsuite name="a">
            <testcase name="good" classname="a" time="0.1"/>
            <testcase name="m::bad" classname="a::e2e" time="0.1">
                <failure message="m">&lt;testcase name="no" &lt;error</failure>
            </testcase>
            <testcase name="last" classname="a" time="0.1"/>"#;
        assert_eq!(failed_tests(junit), ["a::e2e m::bad"]);
    }
}
