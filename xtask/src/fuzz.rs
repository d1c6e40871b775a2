//! Fuzzing: every target of `fuzz/` for a while, one after the other.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    place::{Place, read},
    report::{Outcome, Report},
};

/// How long each target runs as one of the tests.
const TEST_SECONDS: u64 = 12;
const DEFAULT_SECONDS: u64 = 60;
/// Bytes of an input.
const MAX_LENGTH: u32 = 8192;
/// Seconds that one input may take.
const TIMEOUT: u32 = 20;

/// `cargo xtask fuzz`: runs the targets named, or all.
pub(crate) fn fuzz(args: Vec<String>) -> Result<ExitCode> {
    let place = Place::find()?;
    let asked = Asked::parse(args)?;
    ensure!(
        place.program("cargo-fuzz").is_some(),
        "cargo-fuzz is missing, `cargo xtask test` installs it"
    );
    let all = targets(&place)?;
    let mut chosen = asked.targets;
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no target `{unknown}`, there are: {}",
            all.join(", ")
        );
    }
    if chosen.is_empty() {
        chosen = all;
    }
    let good = Fuzzers::build(&place)?.run(&chosen, asked.seconds)?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All targets, for a short time, as a step of the tests.
pub(crate) fn step(place: &Place, report: &mut Report) {
    report.step("fuzz", || {
        if place.program("cargo-fuzz").is_none() {
            return Ok(Outcome::Skipped("cargo-fuzz is not installed".to_owned()));
        }
        let good = Fuzzers::build(place)?.run(&targets(place)?, TEST_SECONDS)?;
        ensure!(good, "the fuzzers found something");
        Ok(Outcome::Done)
    });
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    seconds: u64,
    targets: Vec<String>,
}

impl Asked {
    fn parse(args: Vec<String>) -> Result<Self> {
        let mut asked = Self {
            seconds: DEFAULT_SECONDS,
            targets: Vec::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--seconds" {
                let seconds = args.next().and_then(|seconds| seconds.parse().ok());
                asked.seconds = seconds.context("--seconds needs a number")?;
            } else {
                asked.targets.push(arg);
            }
        }
        Ok(asked)
    }
}

/// The names of all targets, sorted.
fn targets(place: &Place) -> Result<Vec<String>> {
    let folder = place.root.join("fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("cannot list fuzz/targets")? {
        let path = entry.context("cannot list fuzz/targets")?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// The built targets.
struct Fuzzers<'a> {
    place: &'a Place,
    programs: PathBuf,
}

impl<'a> Fuzzers<'a> {
    /// Without a sanitizer, which only a nightly compiler has: nothing here is
    /// unsafe, and what is looked for panics, hangs or answers wrongly.
    fn build(place: &'a Place) -> Result<Self> {
        let folder = place.target.join("fuzz");
        // Read, so that the report can say why it failed.
        read(
            place
                .cargo()
                .args(["fuzz", "build", "--sanitizer=none"])
                .args(["--fuzz-dir", "fuzz", "--target-dir"])
                .arg(&folder)
                .env("RUST_BACKTRACE", "0"),
        )?;
        let compiler = read(place.command("rustc").arg("-vV"))?;
        let host = compiler
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        let host = host.context("cannot tell what this compiler builds for")?;
        Ok(Self {
            place,
            programs: folder.join(host).join("release"),
        })
    }

    /// Runs each; true if none found anything.
    fn run(&self, targets: &[String], seconds: u64) -> Result<bool> {
        let mut good = true;
        for target in targets {
            let run = self.run_one(target, seconds)?;
            println!(
                "{target}: {} executions, {}",
                run.executions,
                run.end(seconds)
            );
            good &= run.finding.is_none();
        }
        Ok(good)
    }

    fn run_one(&self, target: &str, seconds: u64) -> Result<Run> {
        let work = self.place.target.join("fuzz-runs").join(target);
        let corpus = work.join("corpus");
        fs::create_dir_all(&corpus).context("cannot make a folder for the corpus")?;
        let log = work.join("log");
        let output = File::create(&log).context("cannot write the fuzzer's log")?;
        let good = self
            .command(target, seconds, &work)
            .args([&corpus, &self.place.root.join("fuzz/seeds").join(target)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .status()
            .with_context(|| format!("cannot start the fuzzer {target}"))?
            .success();
        Run::read(&log, good)
    }

    fn command(&self, target: &str, seconds: u64, work: &Path) -> Command {
        let mut command = Command::new(self.programs.join(target));
        command.current_dir(work).args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={MAX_LENGTH}"),
            format!("-timeout={TIMEOUT}"),
            "-rss_limit_mb=2048".to_owned(),
            "-print_final_stats=1".to_owned(),
            format!("-artifact_prefix={}/", work.display()),
        ]);
        let dictionary = self
            .place
            .root
            .join(format!("fuzz/dictionaries/{target}.dict"));
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        command
    }
}

/// What one run came to.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    executions: u64,
    finding: Option<String>,
}

impl Run {
    fn read(log: &Path, good: bool) -> Result<Self> {
        let bytes = fs::read(log).context("cannot read the fuzzer's log")?;
        let text = String::from_utf8_lossy(&bytes);
        let run = Self::parse(&text, good);
        if !good {
            println!("{}", last_lines(&text, 60));
        }
        Ok(run)
    }

    fn parse(log: &str, good: bool) -> Self {
        let after = |what: &str| {
            let found = log.lines().find_map(|line| line.split_once(what));
            found.map(|(_, rest)| rest.trim().to_owned())
        };
        let executions = after("stat::number_of_executed_units:");
        let input = after("Test unit written to ");
        Self {
            executions: executions.and_then(|text| text.parse().ok()).unwrap_or(0),
            finding: (!good).then(|| input.unwrap_or_else(|| "no input was kept".to_owned())),
        }
    }

    fn end(&self, seconds: u64) -> String {
        match &self.finding {
            None => format!("{seconds} s, no findings"),
            Some(input) => format!("a finding: {input}"),
        }
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_from_the_fuzzers_log() {
        let log = "Done 9 runs in 2 second(s)\nstat::number_of_executed_units: 9\n";
        let run = Run {
            executions: 9,
            finding: None,
        };
        assert_eq!(Run::parse(log, true), run);
    }

    #[test]
    fn a_finding_is_named_by_its_input() {
        let log = "x; Test unit written to /f/crash-1\nstat::number_of_executed_units: 3\n";
        let run = Run {
            executions: 3,
            finding: Some("/f/crash-1".to_owned()),
        };
        assert_eq!(Run::parse(log, false), run);
        assert!(Run::parse("", false).finding.is_some());
    }

    #[test]
    fn seconds_and_targets_are_told_apart() {
        let args = ["route", "--seconds", "5", "range"].map(str::to_owned);
        let asked = Asked {
            seconds: 5,
            targets: vec!["route".to_owned(), "range".to_owned()],
        };
        assert_eq!(Asked::parse(args.to_vec()).ok(), Some(asked));
        assert!(Asked::parse(vec!["--seconds".to_owned()]).is_err());
    }
}
