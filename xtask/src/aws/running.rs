//! Emulators that run: recorded in `target/aws/running`, so that a later command finds them.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::emulator::{EMULATORS, Emulator, Form};
use crate::place::{Place, read};

/// How long one may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// A process that was started.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) emulator: &'static Emulator,
    process: u32,
    port: u16,
}

/// Where they keep what they write.
pub(crate) fn folder(place: &Place) -> PathBuf {
    place.target.join("aws")
}

/// What was started last, running or not.
pub(crate) fn recorded(place: &Place) -> Result<Vec<Running>> {
    let record = match fs::read_to_string(folder(place).join("running")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        record => record.context("cannot read which emulators run")?,
    };
    let running = record.lines().map(|line| {
        let [name, process, port] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("target/aws/running has the line `{line}`, remove it");
        };
        let mut known = EMULATORS.iter();
        Ok(Running {
            emulator: known
                .find(|emulator| emulator.name == name)
                .with_context(|| format!("no emulator is called {name}"))?,
            process: process.parse()?,
            port: port.parse()?,
        })
    });
    running.collect()
}

/// All of them, if all run.
pub(crate) fn all(place: &Place) -> Result<Option<Vec<Running>>> {
    let recorded = recorded(place)?;
    let all = recorded.len() == EMULATORS.len() && recorded.iter().all(|one| one.runs(place));
    Ok(all.then_some(recorded))
}

/// Records what runs.
pub(crate) fn record(place: &Place, running: &[Running]) -> Result<()> {
    let lines = running
        .iter()
        .map(|one| format!("{} {} {}", one.emulator.name, one.process, one.port));
    let lines = lines.collect::<Vec<_>>().join("\n");
    fs::write(folder(place).join("running"), lines).context("cannot record which emulators run")
}

/// Removes the record, and all that they wrote.
pub(crate) fn forget(place: &Place) -> Result<()> {
    match fs::remove_dir_all(folder(place)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context("cannot remove target/aws")
        }
        _ => Ok(()),
    }
}

impl Running {
    /// Starts one on a free port. It goes on when this command has ended.
    pub(crate) fn start(place: &Place, emulator: &'static Emulator) -> Result<Self> {
        let name = emulator.name;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("cannot find a free port")?
            .port();
        let folder = folder(place);
        let log = File::create(folder.join(format!("{name}.log")))
            .with_context(|| format!("cannot write the log of {name}"))?;
        let process = emulator
            .command(place, &folder, port)?
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?
            .id();
        Ok(Self {
            emulator,
            process,
            port,
        })
    }

    /// Where it is reached.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it answers.
    pub(crate) fn wait(&self, place: &Place) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if self.answers().unwrap_or(false) {
                return Ok(());
            }
            if !self.runs(place) {
                break;
            }
            thread::sleep(PAUSE);
        }
        let name = self.emulator.name;
        let log = fs::read_to_string(folder(place).join(format!("{name}.log")));
        let log = log.unwrap_or_default();
        let last = log.lines().next_back().unwrap_or_default();
        bail!("{name} does not answer: {last}")
    }

    /// Whether it is ready: any answer is one, but that it is not yet.
    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let path = self.emulator.ready;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.starts_with(b"HTTP/1.1 ") && status[9] != b'5')
    }

    /// Whether the process is there, and is not another one under its number.
    fn runs(&self, place: &Place) -> bool {
        let process = self.process.to_string();
        let words = read(
            place
                .command("ps")
                .args(["-o", "stat=", "-o", "args=", "-p", &process]),
        );
        words.is_ok_and(|words| {
            let zombie = words.starts_with('Z');
            let ours = if self.emulator.form() == Form::Jars {
                words.contains(self.emulator.name)
            } else {
                words.contains(&self.port.to_string())
            };
            ours && !zombie
        })
    }

    /// Ends it, if it runs.
    pub(crate) fn end(&self, place: &Place) -> Result<()> {
        let process = self.process.to_string();
        for signal in ["-TERM", "-KILL"] {
            let begin = Instant::now();
            while begin.elapsed() < PATIENCE / 8 {
                if !self.runs(place) {
                    return Ok(());
                }
                if begin.elapsed() < PAUSE {
                    // It may have ended meanwhile.
                    let _ = read(place.command("kill").args([signal, &process]));
                }
                thread::sleep(PAUSE);
            }
        }
        bail!("{} does not end", self.emulator.name)
    }
}
