//! The servers that are compared: started one at a time with a folder of its own, and stopped.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    bench::{
        client::{Connection, Request},
        configuration,
        process::Watch,
        results::Who,
    },
    place::Place,
};

/// The password of `admin` at Berth.
pub(crate) const PASSWORD: &str = "Harbor-12345";
/// `admin` with this password, as `Authorization` has it.
pub(crate) const ADMIN: &str = "Basic YWRtaW46SGFyYm9yLTEyMzQ1";

/// How long a server may take to get ready or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the servers' programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    berth: PathBuf,
    distribution: PathBuf,
    zot: Option<PathBuf>,
    nginx: PathBuf,
}

impl Programs {
    /// Looks for them on PATH.
    pub(crate) fn find(place: &Place, berth: PathBuf) -> Result<Self> {
        let needed = |program: &str, from: &str| {
            place
                .program(program)
                .with_context(|| format!("cannot compare without `{program}`: {from}"))
        };
        needed("wrk", "install the package wrk")?;
        Ok(Self {
            berth,
            distribution: needed("registry", "`cargo xtask test` builds it")?,
            zot: place.program("zot"),
            nginx: needed("nginx", "install the package nginx-light")?,
        })
    }

    /// The program of a server, if it is here.
    pub(crate) fn of(&self, who: Who) -> Option<&Path> {
        match who {
            Who::Berth => Some(&self.berth),
            Who::Distribution => Some(&self.distribution),
            Who::Zot | Who::ZotSynced => self.zot.as_deref(),
            Who::Nginx => Some(&self.nginx),
            Who::Direct | Who::Machine => None,
        }
    }
}

/// What a server is started as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role<'a> {
    /// A registry with its own defaults.
    Registry,
    /// A cache of the registry at this URL.
    CacheOf(&'a str),
    /// A registry that keeps no promise to pushers, so that garbage goes at once.
    WithoutGrace,
}

/// A running server. It is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) who: Who,
    pub(crate) address: SocketAddr,
    /// Where it keeps what it has; for nginx, what it serves.
    pub(crate) data: PathBuf,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts one in a folder.
    pub(crate) fn start(
        programs: &Programs,
        who: Who,
        folder: &Path,
        role: Role<'_>,
    ) -> Result<Self> {
        let program = programs
            .of(who)
            .with_context(|| format!("{} is not on PATH", who.name()))?;
        let data = folder.join("data");
        fs::create_dir_all(&data).context("cannot make a folder for the server's data")?;
        let address = free_address()?;
        let log = folder.join("log");
        let output = File::create(&log).context("cannot write the server's log")?;
        let mut command = configuration::command(&configuration::Wanted {
            who,
            program,
            folder,
            data: &data,
            address,
            role,
        })?;
        let child = command
            .stdin(Stdio::null())
            .stdout(
                output
                    .try_clone()
                    .context("cannot write the server's log")?,
            )
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", who.name()))?;
        let mut server = Self {
            who,
            address,
            data,
            child,
            log,
        };
        server.wait()?;
        Ok(server)
    }

    /// Watches what its processes take.
    pub(crate) fn watch(&self) -> Result<Watch> {
        Watch::start(self.child.id())
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait(&mut self) -> Result<()> {
        let path = match self.who {
            Who::Berth => "/readyz",
            _ => "/v2/",
        };
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().context("cannot wait for a server")? {
                let name = self.who.name();
                bail!("{name} ended ({status}): {}", self.last_line());
            }
            let answer = Connection::open(self.address)
                .and_then(|mut connection| connection.send(Request::new("GET", path, &[])));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("{} is not ready: {}", self.who.name(), self.last_line());
    }

    /// The start of the last line that it has written.
    pub(crate) fn last_line(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().next_back().unwrap_or_default();
        last.chars().take(400).collect()
    }

    fn end(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        ensure!(sent.is_ok_and(|sent| sent.success()), "cannot end {id}");
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("{} did not end", self.who.name())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.end().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// An address that nobody listens on now.
fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .context("cannot find a free port")
}

/// Writes out what is left in memory, so that one server does not pay for another.
pub(crate) fn sync() -> Result<()> {
    let synced = Command::new("sync").status().context("cannot sync")?;
    ensure!(synced.success(), "cannot sync: {synced}");
    Ok(())
}
