//! What ran, how long it took, and what was skipped or failed: the last lines of a run.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

/// What may be missing without failing a run: programs that no package registry
/// has, and what the step over emulators does.
const OPTIONAL: [&str; 5] = [
    "zot",
    "oci-conformance",
    "several instances",
    "redirects",
    "keys of AWS",
];

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It did what it should.
    Done,
    /// It could not run here, for this reason.
    Skipped(String),
}

/// Collects the steps of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    skipped: BTreeSet<String>,
    failed: BTreeSet<String>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    end: Result<Outcome>,
}

impl Report {
    /// Runs one step and records its end and its time; true if nothing failed.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let end = work();
        let took = start.elapsed();
        let good = match &end {
            Ok(Outcome::Done) => true,
            Ok(Outcome::Skipped(why)) => {
                println!("skipped: {why}");
                true
            }
            Err(error) => {
                println!("failed: {error:#}");
                false
            }
        };
        println!("-- {name}: {:.1} s", took.as_secs_f64());
        self.steps.push(Step {
            name: name.to_owned(),
            took,
            end,
        });
        good
    }

    /// Records a program that was not used, as `name: reason`.
    pub(crate) fn skip(&mut self, line: &str) {
        let known = |other: &String| name(other) == name(line);
        if !line.trim().is_empty() && !self.skipped.iter().any(known) {
            self.skipped.insert(line.trim().to_owned());
        }
    }

    /// Records a test that failed.
    pub(crate) fn fail(&mut self, test: &str) {
        self.failed.insert(test.to_owned());
    }

    /// Prints the summary. A skipped program fails the run if programs are `required`.
    pub(crate) fn finish(self, required: bool) -> ExitCode {
        println!("\n== summary");
        let mut failures = 0;
        for step in &self.steps {
            let (word, why) = match &step.end {
                Ok(Outcome::Done) => ("ok", String::new()),
                Ok(Outcome::Skipped(why)) => ("skipped", format!("  {why}")),
                Err(error) => {
                    failures += 1;
                    ("FAILED", format!("  {error}"))
                }
            };
            println!(
                "{word:<8}{:>8.1} s  {}{why}",
                step.took.as_secs_f64(),
                step.name
            );
        }
        for test in &self.failed {
            println!("FAILED test {test}");
        }
        for line in &self.skipped {
            let missed = required && !OPTIONAL.contains(&name(line));
            failures += usize::from(missed);
            println!("{} {line}", if missed { "MISSING" } else { "skipped" });
        }
        if self.skipped.is_empty() {
            println!("no program was skipped");
        }
        let total: Duration = self.steps.iter().map(|step| step.took).sum();
        let end = if failures == 0 { "passed" } else { "FAILED" };
        println!("{end} in {:.0} s", total.as_secs_f64());
        ExitCode::from(u8::from(failures > 0))
    }
}

/// The program of a line `name: reason`.
fn name(line: &str) -> &str {
    line.split(':').next().unwrap_or_default().trim()
}
