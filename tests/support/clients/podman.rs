//! podman: pulls and pushes; its runs need more than every machine has.

use berth_oci::Digest;

use super::{ImageClient, id};
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::{overlay, programs};

#[derive(Debug)]
pub(crate) struct Podman(Home);

impl Podman {
    fn program(&self) -> CommandLine {
        let program = self.0.program("podman");
        let program = program.arg("--root").arg(self.0.join("store"));
        let program = program.arg("--runroot").arg(self.0.join("runs"));
        let program = program.args(["--storage-driver", overlay::choose("overlay", "vfs")]);
        program.line("--cgroup-manager=cgroupfs --events-backend=file")
    }
}

impl ImageClient for Podman {
    async fn start() -> Option<Self> {
        programs::require("podman")?;
        Some(Self(Home::new()))
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "podman login --tls-verify=false";
        self.0.log_in(line, registry, login).await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let pull = self.program().line("pull --quiet --tls-verify=false");
        let pull = match platform {
            None => pull,
            Some(platform) => pull.args(["--platform", platform]),
        };
        pull.arg(name).run().await
    }

    async fn config(&self, name: &str, _platform: Option<&str>) -> Digest {
        let inspect = self.program().line("image inspect --format {{.Id}}");
        id(&inspect.arg(name).succeeds().await)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let push = self.program().line("push --quiet --tls-verify=false");
        push.arg(from).arg(to).run().await
    }

    async fn forget(&self) {
        self.program().line("rmi --all --force").succeeds().await;
    }
}
