//! The program under test, as a process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The password that tests give the administrator.
pub(crate) const PASSWORD: &str = "Correct1Horse";

/// The program, without anything of this process's environment.
pub(crate) fn berth() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.env_clear();
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    berth().args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server in a folder of its own.
pub(crate) struct Server {
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
    /// The line that says where it serves.
    pub(crate) line: String,
    /// Its first address, `http://...`.
    pub(crate) url: String,
    /// Where it was started; `berth-data` is in it.
    pub(crate) folder: TempDir,
}

impl Server {
    /// Starts a server on a free port, with [`PASSWORD`], and waits until it
    /// serves.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = berth();
        command
            .env("BERTH_ADMIN_PASSWORD", PASSWORD)
            .arg("serve")
            .args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Self::of(command, folder)
    }

    /// Starts what `command` says in `folder`, and waits until it serves.
    pub(crate) fn of(mut command: Command, folder: TempDir) -> Self {
        let mut child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        let serves = |line: &String| line.starts_with("berth serves ");
        let Ok(line) = std::iter::from_fn(|| out.recv_timeout(PATIENCE).ok())
            .find(serves)
            .ok_or(())
        else {
            let log: Vec<_> = log.iter().collect();
            panic!("it does not serve: {log:#?}");
        };
        let url = line.split([' ', ',']).nth(2).unwrap().to_owned();
        Self {
            child,
            out,
            log,
            line,
            url,
            folder,
        }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> String {
        self.folder
            .path()
            .join("berth-data")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn logged(&self, text: &str) -> String {
        let line = std::iter::from_fn(|| self.log.recv_timeout(PATIENCE).ok())
            .find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("not logged: {text}"))
    }

    /// Waits for its end; returns what it said since the last look.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        (status, self.out.iter().collect(), self.log.iter().collect())
    }

    /// Runs an administration command on its data.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Output {
        let data = self.data();
        run(&[&["admin", "--data", &data], arguments].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A client without proxies that opens a connection for each request.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// GET, with the administrator's login if `password` is given.
pub(crate) async fn get(url: &str, password: Option<&str>) -> (u16, String) {
    let mut request = client().get(url);
    if let Some(password) = password {
        request = request.basic_auth("admin", Some(password));
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The permission bits of a file.
pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.as_ref().metadata().unwrap().permissions().mode() & 0o777
}
