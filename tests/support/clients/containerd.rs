//! containerd, driven by its `ctr`.

use std::path::{Path, PathBuf};

use berth_oci::Digest;
use serde_json::Value;

use super::{HOST_PLATFORM, ImageClient, id};
use crate::support::daemons::{Daemon, is_root};
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::layout::{digest_of, of_platform};
use crate::support::login::Login;
use crate::support::{overlay, programs};

/// The name of a newer `ctr`.
const NEWER: &str = "ctr-1.7";

#[derive(Debug)]
pub(crate) struct Containerd {
    /// Ended before its home goes.
    _daemon: Daemon,
    home: Home,
    user: Option<String>,
    hosts: Option<PathBuf>,
}

impl Containerd {
    /// Starts the daemon alone, in a home that has none; answers its socket.
    pub(super) async fn daemon(home: &Home) -> (Daemon, PathBuf) {
        let socket = home.join("cd.sock");
        let containerd = home.program("containerd").line("--log-level warn");
        let containerd = containerd.arg("--root").arg(home.join("cd"));
        let containerd = containerd.arg("--state").arg(home.join("cdrun"));
        let command = containerd.arg("--address").arg(&socket).into_command();
        let mut daemon = Daemon::start("containerd", command, home.path());
        let answers = async || ctr(home, &socket).arg("version").run().await.is_success();
        daemon.ready(answers).await;
        (daemon, socket)
    }

    /// Sends pulls of a registry's names to a mirror first: what `hosts.toml`
    /// is for. `server` is the registry itself.
    pub(crate) fn set_mirror(&mut self, registry: &str, server: &str, mirror: &str) {
        let folder = self.home.join("hosts");
        std::fs::create_dir_all(folder.join(registry)).unwrap();
        let hosts = format!(
            "server = \"{server}\"

[host.\"{mirror}\"]
  capabilities = [\"pull\", \"resolve\"]
"
        );
        std::fs::write(folder.join(registry).join("hosts.toml"), hosts).unwrap();
        self.hosts = Some(folder);
    }

    /// Runs a program of an image; answers its output.
    pub(crate) async fn run(&self, name: &str, program: &str) -> String {
        let run = self.ctr().line("run --rm --snapshotter").arg(snapshotter());
        run.args([name, "one", program]).succeeds().await
    }

    /// Whether there is a `ctr` too that is newer than the daemon: it follows
    /// where a registry sends it with a blob.
    pub(crate) fn has_newer() -> bool {
        programs::require(NEWER).is_some()
    }

    /// Pushes by that one what was pulled as `from` under another name.
    pub(crate) async fn push_by_newer(&self, from: &str, to: &str) -> Outcome {
        let tag = self.ctr().line("images tag --force").args([from, to]);
        tag.succeeds().await;
        let newer = self.home.program(NEWER).arg("--address");
        let newer = newer.arg(self.home.join("cd.sock"));
        let push = self.as_user(newer.line("images push --plain-http"));
        push.arg(to).run().await
    }

    /// The digest of the manifest or index that it knows by a name.
    pub(crate) async fn target(&self, name: &str) -> Digest {
        let list = self.ctr().line("images ls").arg(format!("name=={name}"));
        let list = list.succeeds().await;
        let digest = list
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"));
        id(digest.unwrap_or_else(|| panic!("{name} is not in {list}")))
    }

    fn ctr(&self) -> CommandLine {
        ctr(&self.home, &self.home.join("cd.sock"))
    }

    fn pulling(&self) -> CommandLine {
        let pull = self
            .ctr()
            .line("images pull --snapshotter")
            .arg(snapshotter());
        self.as_user(match &self.hosts {
            Some(hosts) => pull.arg("--hosts-dir").arg(hosts),
            None => pull.arg("--plain-http"),
        })
    }

    fn as_user(&self, command: CommandLine) -> CommandLine {
        match &self.user {
            Some(user) => command.args(["--user", user]),
            None => command,
        }
    }

    async fn content(&self, digest: &Digest) -> Value {
        let get = self.ctr().line("content get").arg(digest.to_string());
        serde_json::from_str(&get.succeeds().await).unwrap()
    }
}

fn snapshotter() -> &'static str {
    overlay::choose("overlayfs", "native")
}

fn ctr(home: &Home, socket: &Path) -> CommandLine {
    home.program("ctr").arg("--address").arg(socket)
}

impl ImageClient for Containerd {
    const LOGS_IN: bool = false;
    const KEEPS_INDEXES: bool = true;

    async fn start() -> Option<Self> {
        for program in ["containerd", "ctr"] {
            programs::require(program)?;
        }
        if !is_root() {
            programs::skip("containerd", "needs root");
            return None;
        }
        let home = Home::new();
        let (daemon, _) = Self::daemon(&home).await;
        Some(Self {
            _daemon: daemon,
            home,
            user: None,
            hosts: None,
        })
    }

    async fn log_in(&mut self, _registry: &str, login: Login<'_>) -> Outcome {
        self.user = Some(format!("{}:{}", login.user, login.password));
        self.ctr().arg("version").run().await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let pull = match platform {
            // It pushes no index whose images it has not.
            None => self.pulling().arg("--all-platforms"),
            Some(platform) => self.pulling().args(["--platform", platform]),
        };
        pull.arg(name).run().await
    }

    async fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        let target = self.content(&self.target(name).await).await;
        let platform = platform.unwrap_or(HOST_PLATFORM);
        let image = match target["manifests"].as_array() {
            None => target,
            Some(children) => {
                self.content(&digest_of(of_platform(children, platform)))
                    .await
            }
        };
        let held = self.ctr().line("content ls --quiet").succeeds().await;
        for layer in image["layers"].as_array().unwrap() {
            let layer = digest_of(layer).to_string();
            assert!(held.contains(&layer), "{name} has no {layer}");
        }
        digest_of(&image["config"])
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        self.ctr()
            .line("images tag --force")
            .args([from, to])
            .succeeds()
            .await;
        let push = self.as_user(self.ctr().line("images push --plain-http"));
        push.arg(to).run().await
    }

    async fn forget(&self) {
        let names = self.ctr().line("images ls --quiet").succeeds().await;
        let remove = self.ctr().line("images rm --sync");
        remove.args(names.lines()).succeeds().await;
    }
}
