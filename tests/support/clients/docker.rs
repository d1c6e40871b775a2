//! Docker, with a daemon of its own.

use std::path::{Path, PathBuf};

use berth_oci::Digest;

use super::{Containerd, ImageClient, id};
use crate::support::daemons::{Daemon, is_root};
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::{overlay, programs};

#[derive(Debug)]
pub(crate) struct Docker {
    /// Ended in this order, before their home goes.
    _dockerd: Daemon,
    _containerd: Daemon,
    socket: String,
    home: Home,
}

impl Docker {
    /// Starts it with a mirror of Docker Hub.
    pub(crate) async fn with_mirror(mirror: &str) -> Option<Self> {
        Self::start_with(&["--registry-mirror", mirror], None).await
    }

    /// Starts it with certificates to trust, in a file.
    pub(crate) async fn trusting(certificates: &Path) -> Option<Self> {
        Self::start_with(&[], Some(certificates.to_owned())).await
    }

    async fn start_with(arguments: &[&str], certificates: Option<PathBuf>) -> Option<Self> {
        for program in ["dockerd", "docker", "containerd"] {
            programs::require(program)?;
        }
        if !is_root() {
            programs::skip("docker", "needs root");
            return None;
        }
        let home = Home::new();
        let (containerd, containerd_socket) = Containerd::daemon(&home).await;
        let socket = format!("unix://{}", home.join("docker.sock").display());
        let dockerd = home
            .program("dockerd")
            .line("--log-level warn --storage-driver")
            .arg(overlay::choose("overlay2", "vfs"));
        let dockerd = dockerd.line("--iptables=false --ip6tables=false --bridge none");
        let dockerd = dockerd
            .args(["--host", &socket])
            .arg("--containerd")
            .arg(containerd_socket);
        let dockerd = dockerd.arg("--data-root").arg(home.join("docker"));
        let dockerd = dockerd.arg("--exec-root").arg(home.join("exec"));
        let dockerd = dockerd
            .arg("--pidfile")
            .arg(home.join("docker.pid"))
            .args(arguments);
        let dockerd = match certificates {
            None => dockerd,
            Some(file) => dockerd.env("SSL_CERT_FILE", file),
        };
        let mut dockerd = Daemon::start("dockerd", dockerd.into_command(), home.path());
        let version = async || {
            docker(&home, &socket)
                .arg("version")
                .run()
                .await
                .is_success()
        };
        dockerd.ready(version).await;
        Some(Self {
            _dockerd: dockerd,
            _containerd: containerd,
            socket,
            home,
        })
    }

    /// Runs a program of an image; answers its output.
    pub(crate) async fn run(&self, name: &str, program: &str) -> String {
        let run = self.docker().line("run --rm --network none");
        run.args([name, program]).succeeds().await
    }

    /// The digests by which it knows an image, with the repositories.
    pub(crate) async fn repository_digests(&self, name: &str) -> String {
        self.inspect(name, "{{json .RepoDigests}}").await
    }

    async fn inspect(&self, name: &str, format: &str) -> String {
        let inspect = self.docker().line("image inspect --format").arg(format);
        inspect.arg(name).succeeds().await
    }

    fn docker(&self) -> CommandLine {
        docker(&self.home, &self.socket)
    }
}

fn docker(home: &Home, socket: &str) -> CommandLine {
    home.program("docker").args(["--host", socket])
}

impl ImageClient for Docker {
    async fn start() -> Option<Self> {
        Self::start_with(&[], None).await
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let line = format!("docker --host {} login", self.socket);
        self.home.log_in(&line, registry, login).await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let pull = self.docker().line("pull --quiet");
        let pull = match platform {
            None => pull,
            Some(platform) => pull.args(["--platform", platform]),
        };
        pull.arg(name).run().await
    }

    async fn config(&self, name: &str, _platform: Option<&str>) -> Digest {
        id(&self.inspect(name, "{{.Id}}").await)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        self.docker().args(["tag", from, to]).succeeds().await;
        self.docker().args(["push", "--quiet", to]).run().await
    }

    async fn forget(&self) {
        let images = self
            .docker()
            .line("image ls --quiet --no-trunc")
            .succeeds()
            .await;
        let remove = self.docker().line("image rm --force");
        remove.args(images.lines()).succeeds().await;
    }
}
