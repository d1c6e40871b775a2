//! What was measured, on what.

use std::{fs, process::Command};

use crate::{
    bench::{results::Who, server::Programs},
    place::read,
};

/// The machine and the versions of the servers, as lines.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) lines: Vec<String>,
}

impl Machine {
    /// Looks at this machine; what it does not say is left out.
    pub(crate) fn find(programs: &Programs, rounds: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let version = |who: Who, argument: &str| {
            let printed = read(Command::new(programs.of(who)?).arg(argument)).ok()?;
            // Its last word; distribution begins with where it is, which is nobody's business.
            let version = printed.lines().next()?.split(' ').next_back()?;
            Some(format!("{} {version}", who.name()))
        };
        let lines = [
            read(Command::new("date").args(["-u", "+%F %R UTC"])).ok(),
            Some(format!("{cores} cores, {}", memory().unwrap_or_default())),
            processor(),
            read(Command::new("uname").arg("-sr")).ok(),
            Some(format!("{rounds} rounds, medians")),
            version(Who::Berth, "--version"),
            version(Who::Distribution, "--version"),
        ];
        Self {
            lines: lines.into_iter().flatten().collect(),
        }
    }
}

fn memory() -> Option<String> {
    let all = fs::read_to_string("/proc/meminfo").ok()?;
    let line = all
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(format!("{} GiB", (kilobytes + (1 << 19)) >> 20))
}

fn processor() -> Option<String> {
    let all = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = all.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}
