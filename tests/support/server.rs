//! A running `berth serve`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::Client;
use super::store;

/// The password of `admin` on every server of the tests.
pub(crate) const ADMIN_PASSWORD: &str = "Harbor-12345";

/// How long a server may take to get ready, or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The `berth` program: `BERTH_BIN`, else the one that Cargo builds beside
/// this test, built now if it is not there.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = env::var_os("BERTH_BIN") {
            return path.into();
        }
        let this = env::current_exe().unwrap();
        let path = this.parent().and_then(Path::parent).unwrap().join("berth");
        if !path.is_file() {
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let built = Command::new(cargo)
                .args(["build", "--package", "berth"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.unwrap().success(), "berth does not build");
        }
        path
    })
}

/// Runs `berth admin` beside a server, or without one.
pub(crate) fn admin(data: &Path, arguments: &[&str]) -> Output {
    admin_command(data, arguments).output().unwrap()
}

/// `berth admin` as it is to be run.
pub(crate) fn admin_command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    clean(&mut command);
    command.arg("admin");
    store::set(&mut command, data);
    command.args(arguments);
    command
}

/// Runs `berth admin` on a data folder, whatever servers keep their data in.
pub(crate) fn local_admin(data: &Path, arguments: &[&str]) -> Output {
    local_admin_command(data, arguments).output().unwrap()
}

/// The same as it is to be run.
pub(crate) fn local_admin_command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    clean(&mut command);
    command.args(["admin", "--data"]).arg(data).args(arguments);
    command
}

/// A sweep beside servers, with its grace in seconds.
pub(crate) fn gc(data: &Path, grace: u64) -> Command {
    let mut command = admin_command(data, &["gc"]);
    command.env("BERTH_GC_GRACE_SECONDS", grace.to_string());
    command
}

/// Makes a store on the emulators.
pub(crate) fn create_store(data: &Path) {
    let created = admin(data, &["create-store"]);
    assert!(created.status.success(), "create-store: {created:?}");
}

/// Runs `berth serve` on a folder that it refuses, to its end.
pub(crate) fn refused_to_serve(data: &Path) -> Output {
    let mut command = Command::new(program());
    clean(&mut command);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Asserts that `berth admin fsck` finds nothing wrong.
pub(crate) fn assert_sound(data: &Path) {
    let output = admin(data, &["fsck"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "fsck: {}\n{text}\n{errors}",
        output.status
    );
}

/// A program of ours reads no settings of the person who tests.
fn clean(command: &mut Command) {
    let ours = |name: &OsStr| name.to_string_lossy().starts_with("BERTH_");
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command
            .env_remove(name)
            .env_remove(name.to_ascii_lowercase());
    }
}

/// How a server is started.
#[derive(Default)]
pub(crate) struct Builder {
    arguments: Vec<OsString>,
    wrapper: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Builder {
    /// Sets a variable of its environment, also one that tests set otherwise.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Adds arguments of `berth serve`.
    pub(crate) fn args<S: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Runs the server under another program, such as `strace -o file`.
    pub(crate) fn under<S: Into<OsString>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    ///
    /// With its log, if it does not get ready.
    pub(crate) async fn start(self) -> Server {
        let folder = TempDir::with_prefix("berth-").unwrap();
        let mut server = self.start_on(&folder.path().join("data")).await;
        server.folder = Some(folder);
        server
    }

    /// Starts it on a data folder that stays when the server goes.
    ///
    /// # Panics
    ///
    /// As [`Builder::start`].
    pub(crate) async fn start_on(&self, data: &Path) -> Server {
        for _ in 0..5 {
            let mut server = self.spawn(data);
            if server.is_ready().await {
                return server;
            }
            let log = server.log();
            // Somebody else took the port meanwhile.
            assert!(
                log.contains("in use"),
                "berth ended before it was ready:\n{log}"
            );
        }
        panic!("no free port was found");
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(&self, data: &Path) -> Server {
        if store::is_aws() {
            create_store(data);
        }
        self.spawn_at(free_address(), data)
    }

    /// Starts it at an address, on a store that is there, and waits until it is
    /// ready.
    ///
    /// # Panics
    ///
    /// As [`Builder::start`].
    pub(crate) async fn start_at(&self, address: SocketAddr, data: &Path) -> Server {
        let mut server = self.spawn_at(address, data);
        assert!(
            server.is_ready().await,
            "berth ended before it was ready:\n{}",
            server.log()
        );
        server
    }

    /// Runs it on a store that is there, to its end; answers what it says when
    /// it refuses to serve.
    pub(crate) fn refused(&self, data: &Path) -> String {
        let output = self.command(free_address(), data).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn spawn_at(&self, address: SocketAddr, data: &Path) -> Server {
        let mut child = self.command(address, data).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &log);
        collect(child.stderr.take().unwrap(), &log);
        let wrapped = !self.wrapper.is_empty();
        Server {
            child,
            address,
            data: data.to_owned(),
            log,
            wrapped,
            folder: None,
        }
    }

    fn command(&self, address: SocketAddr, data: &Path) -> Command {
        let mut command = match self.wrapper.split_first() {
            None => Command::new(program()),
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program());
                command
            }
        };
        clean(&mut command);
        command
            .env("BERTH_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .arg("serve")
            .args(["--listen", &address.to_string()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        store::set(&mut command, data);
        if store::is_aws() {
            command.env("BERTH_ADVERTISE", format!("http://{address}"));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> SocketAddr {
    free_address_of(Ipv4Addr::LOCALHOST)
}

/// An address of this host that nobody listens on now.
pub(crate) fn free_address_of(host: Ipv4Addr) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

fn collect(stream: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// A running server with its data folder. It is ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    log: Arc<Mutex<String>>,
    wrapped: bool,
    folder: Option<TempDir>,
}

impl Server {
    /// A server with an empty data folder and no settings.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server with settings.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The process of `berth` itself.
    pub(crate) fn pid(&self) -> u32 {
        let child = self.child.id();
        if !self.wrapped {
            return child;
        }
        let children = std::fs::read_to_string(format!("/proc/{child}/task/{child}/children"));
        let first = children
            .unwrap()
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        first.unwrap_or_else(|| panic!("the wrapper runs nothing: {}", self.log()))
    }

    /// What it has written so far to both outputs.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A client that is logged in as `admin`.
    pub(crate) fn admin(&self) -> Client {
        Client::new(self.url()).login("admin", ADMIN_PASSWORD)
    }

    /// A client that is not logged in.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.url())
    }

    /// Ends it by SIGTERM; its data folder stays until the answer is dropped.
    pub(crate) fn stop(mut self) -> Stopped {
        let status = self.end();
        Stopped {
            status,
            data: self.data.clone(),
            _folder: self.folder.take(),
        }
    }

    /// Ends it as a crash does, by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn is_ready(&mut self) -> bool {
        let client = self.anonymous();
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if let Ok(answer) = client.get("/readyz").try_send().await
                && answer.status == 200
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("berth is not ready after {PATIENCE:?}:\n{}", self.log());
    }

    fn end(&mut self) -> ExitStatus {
        if let Some(status) = self.child.try_wait().unwrap() {
            return status;
        }
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {pid}");
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        panic!("berth does not end after SIGTERM:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("log of berth:\n{}", self.log());
            let _ = Command::new("kill")
                .args(["-TERM", &self.child.id().to_string()])
                .status();
            let _ = self.child.wait();
        } else {
            self.end();
        }
    }
}

/// A server that has ended, and its data.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its data folder.
    pub(crate) data: PathBuf,
    _folder: Option<TempDir>,
}
