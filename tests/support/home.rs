//! A home folder of its own for each client, so that it reads no settings of
//! the person who tests, and leaves nothing behind.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::login::Login;

/// Variables that clients look for their folders in, and the folders.
const FOLDERS: &[(&str, &str)] = &[
    ("HOME", ""),
    ("DOCKER_CONFIG", ".docker"),
    ("XDG_RUNTIME_DIR", "run"),
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_CACHE_HOME", ".cache"),
    ("XDG_DATA_HOME", ".local"),
];

/// Where helpers of clients are found, before all other programs.
const PROGRAMS: &str = "bin";

/// A home folder. Its path is short, because sockets are made in it.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let home = Self(TempDir::with_prefix("berth-").unwrap());
        for (_, folder) in FOLDERS {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        std::fs::create_dir(home.join(PROGRAMS)).unwrap();
        // podman and buildah want it to be there once the folder is named.
        std::fs::write(home.join(".docker/config.json"), "{}").unwrap();
        home
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in it.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }

    /// Logs in by a command line that ends in the registry.
    pub(crate) async fn log_in(&self, line: &str, registry: &str, login: Login<'_>) -> Outcome {
        let (name, arguments) = line.split_once(' ').unwrap();
        let line = self
            .program(name)
            .line(arguments)
            .line("--password-stdin --username");
        let line = line.args([login.user, registry]);
        line.input(login.password).run().await
    }

    /// Starts a command line of a program that lives here.
    pub(crate) fn program(&self, name: &str) -> CommandLine {
        let mut command = Command::new(name);
        for (variable, folder) in FOLDERS {
            command.env(variable, self.join(folder));
        }
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command
                .env_remove(variable)
                .env_remove(variable.to_lowercase());
        }
        let programs = std::env::var_os("PATH").unwrap_or_default();
        let programs = std::env::split_paths(&programs);
        let programs = std::iter::once(self.join(PROGRAMS)).chain(programs);
        command.env("PATH", std::env::join_paths(programs).unwrap());
        command.current_dir(self.path()).kill_on_drop(true);
        CommandLine {
            command,
            shown: name.to_owned(),
            input: None,
        }
    }
}

/// A command line to be run.
#[derive(Debug)]
pub(crate) struct CommandLine {
    command: Command,
    shown: String,
    input: Option<String>,
}

impl CommandLine {
    /// Adds an argument.
    pub(crate) fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        for argument in arguments {
            let argument = argument.as_ref();
            self.shown = format!("{} {}", self.shown, argument.to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Adds arguments that stand in one text, parted by blanks.
    pub(crate) fn line(self, arguments: &str) -> Self {
        self.args(arguments.split_whitespace())
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Runs it in another folder.
    pub(crate) fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it this on its standard input.
    pub(crate) fn input(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Outcome {
        let piped = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = piped.unwrap_or_else(|error| panic!("{}: {error}", self.shown));
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input.take().unwrap_or_default();
        // Who ends before it has read all says why by its status.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        Outcome {
            shown: self.shown,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it, which must succeed; answers its output.
    pub(crate) async fn succeeds(self) -> String {
        self.run().await.succeeded()
    }

    /// The command itself, for a daemon.
    pub(crate) fn into_command(self) -> std::process::Command {
        self.command.into_std()
    }
}

/// How a command line ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    shown: String,
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Outcome {
    /// Whether it succeeded.
    pub(crate) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// Its output, without white space around it, if it succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert!(self.status.success(), "{self}");
        self.stdout.trim().to_owned()
    }

    /// What it said to both outputs, if it failed.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert!(!self.status.success(), "it should fail: {self}");
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts that it failed because the registry refused its login or its
    /// permissions, and not for another reason.
    #[track_caller]
    pub(crate) fn refused(self) {
        let said = self.failed().to_lowercase();
        let reasons = [
            "unauthorized",
            "forbidden",
            "denied",
            "authentication required",
            "invalid username/password",
            "incorrect username or password",
            "authorization failed",
        ];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            shown,
            status,
            stdout,
            stderr,
        } = self;
        write!(formatter, "{shown}: {status}\n{stdout}\n{stderr}")
    }
}
