//! Where servers are measured, one at a time, in an order that changes with each round.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    bench::{
        content::Random,
        options::Options,
        process::Usage,
        results::{Results, Unit, Who},
        server::{Programs, Role, Server, sync},
    },
    place::{Place, run},
};

/// A file system in memory.
const MEMORY: &str = "/dev/shm";

/// What scenarios work with.
#[derive(Debug)]
pub(crate) struct Lab<'a> {
    pub(crate) place: &'a Place,
    pub(crate) programs: Programs,
    /// Names of the servers to measure; all if there is none.
    servers: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) random: Random,
    pub(crate) results: Results,
    /// What could not be measured, as lines.
    pub(crate) failures: Vec<String>,
    /// Where everyone's data is, and the figures unless told otherwise.
    pub(crate) folder: PathBuf,
}

impl<'a> Lab<'a> {
    /// An empty one, with its folder in the build folder.
    pub(crate) fn new(place: &'a Place, programs: Programs, options: &Options) -> Self {
        Self {
            place,
            programs,
            servers: options.servers.clone(),
            rounds: options.rounds,
            random: Random::fresh(),
            results: Results::default(),
            failures: Vec::new(),
            folder: place.target.join("bench"),
        }
    }

    /// An empty folder for somebody's data.
    pub(crate) fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        clear(&folder)?;
        fs::create_dir_all(&folder).context("cannot make a folder to measure in")?;
        Ok(folder)
    }

    fn wants(&self, who: Who) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|name| name == who.name())
    }

    /// Those of these servers whose programs are here, in the order of a round.
    pub(crate) fn order(&self, servers: &[Who], round: usize) -> Vec<Who> {
        let mut servers: Vec<_> = servers
            .iter()
            .copied()
            .filter(|who| self.programs.of(*who).is_some() && self.wants(*who))
            .collect();
        let first = round % servers.len().max(1);
        servers.rotate_left(first);
        servers
    }

    /// Measures each of these servers in every round, each with an empty folder. A server that
    /// fails is noted, and the others go on.
    pub(crate) fn compare(
        &mut self,
        servers: &[Who],
        mut measure: impl FnMut(&mut Self, &Server) -> Result<()>,
    ) -> Result<()> {
        for round in 0..self.rounds {
            self.round(servers, round, &mut measure)?;
        }
        Ok(())
    }

    /// The same in one round.
    pub(crate) fn compare_once(
        &mut self,
        servers: &[Who],
        mut measure: impl FnMut(&mut Self, &Server) -> Result<()>,
    ) -> Result<()> {
        self.round(servers, 0, &mut measure)
    }

    /// The same with folders that are filled once before the first round, and kept in memory:
    /// for lists, which read what is cached anyway, of more files than a disk makes quickly.
    pub(crate) fn compare_kept(
        &mut self,
        servers: &[Who],
        prepare: impl Fn(&mut Self, &Server) -> Result<()>,
        measure: impl Fn(&mut Self, &Server) -> Result<()>,
    ) -> Result<()> {
        let mut prepared = Vec::new();
        for who in self.order(servers, 0) {
            println!("  prepare {}", who.name());
            let folder = memory_folder(who)?;
            if self.visit(who, &folder, Role::Registry, &prepare) {
                prepared.push((who, folder));
            }
        }
        for round in 0..self.rounds {
            let first = round % prepared.len().max(1);
            let order = prepared.iter().cycle().skip(first).take(prepared.len());
            for (who, folder) in order {
                println!("  round {}, {}", round + 1, who.name());
                self.visit(*who, folder, Role::Registry, &measure);
            }
        }
        prepared.iter().try_for_each(|(_, folder)| clear(folder))
    }

    /// Measures Berth once with a folder that was filled before: in memory, where syncs take no
    /// time, and copied to the disk when the server has stopped. What is measured has the role.
    pub(crate) fn berth_filled<T>(
        &mut self,
        role: Role<'_>,
        fill: impl FnOnce(&mut Self, &Server) -> Result<T>,
        measure: impl FnOnce(&mut Self, &Server, &T) -> Result<()>,
    ) -> Result<()> {
        println!("  prepare berth");
        let begin = Instant::now();
        let memory = memory_folder(Who::Berth)?;
        let mut filled = None;
        self.visit(Who::Berth, &memory, Role::Registry, |lab, server| {
            filled = Some(fill(lab, server)?);
            Ok(())
        });
        let folder = self.fresh_folder(Who::Berth.name())?;
        run(Command::new("cp")
            .arg("-a")
            .arg(memory.join("data"))
            .arg(&folder))?;
        clear(&memory)?;
        sync()?;
        println!("  prepared in {:.0} s", begin.elapsed().as_secs_f64());
        if let Some(filled) = filled {
            self.visit(Who::Berth, &folder, role, |lab, server| {
                measure(lab, server, &filled)
            });
        }
        clear(&folder)
    }

    fn round(
        &mut self,
        servers: &[Who],
        round: usize,
        measure: &mut impl FnMut(&mut Self, &Server) -> Result<()>,
    ) -> Result<()> {
        for who in self.order(servers, round) {
            println!("  round {}, {}", round + 1, who.name());
            let folder = self.fresh_folder(who.name())?;
            self.visit(who, &folder, Role::Registry, &mut *measure);
            clear(&folder)?;
            sync()?;
        }
        Ok(())
    }

    /// Starts a server in a folder, does something with it and stops it; true if nothing failed.
    fn visit(
        &mut self,
        who: Who,
        folder: &Path,
        role: Role<'_>,
        work: impl FnOnce(&mut Self, &Server) -> Result<()>,
    ) -> bool {
        let started = Server::start(&self.programs, who, folder, role);
        let done = started.and_then(|server| {
            work(self, &server)
                .with_context(|| format!("its log ends with `{}`", server.last_line()))
        });
        self.note(who, done)
    }

    /// Notes that somebody could not be measured; true if they could.
    pub(crate) fn note(&mut self, who: Who, done: Result<()>) -> bool {
        let Err(error) = done else {
            return true;
        };
        let line = format!("{}: {error:#}", who.name());
        println!("    failed: {line}");
        self.failures.push(line);
        false
    }

    /// Adds what a server took while it moved so many bytes.
    pub(crate) fn add_usage(&mut self, name: &str, who: Who, usage: Usage, bytes: f64) {
        let peak = format!("peak memory: {name}");
        self.results.add(&peak, Unit::Mebibytes, who, usage.peak);
        if bytes > 0.0 {
            let cpu = format!("CPU: {name}");
            let seconds = usage.cpu / (bytes / 1e9);
            self.results.add(&cpu, Unit::CpuPerGigabyte, who, seconds);
        }
    }
}

/// An empty folder in memory.
fn memory_folder(who: Who) -> Result<PathBuf> {
    let name = format!("berth-bench-{}-{}", std::process::id(), who.name());
    let folder = Path::new(MEMORY).join(name);
    clear(&folder)?;
    fs::create_dir_all(&folder).context("cannot make a folder in memory")?;
    Ok(folder)
}

/// Removes a folder if it is there.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("cannot remove what was measured with")?;
    }
    Ok(())
}
