//! buildah, which builds images, and pulls and pushes for that.

use berth_oci::Digest;

use super::{ImageClient, id};
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::{overlay, programs};

#[derive(Debug)]
pub(crate) struct Buildah(Home);

impl Buildah {
    fn program(&self) -> CommandLine {
        let program = self.0.program("buildah");
        let program = program.arg("--root").arg(self.0.join("store"));
        let program = program.arg("--runroot").arg(self.0.join("runs"));
        program.args(["--storage-driver", overlay::choose("overlay", "vfs")])
    }

    /// Builds an image by these instructions.
    pub(crate) async fn build(&self, name: &str, instructions: &str) -> Outcome {
        let folder = self.0.join("context");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("Containerfile"), instructions).unwrap();
        let build = self
            .program()
            .line("bud --isolation chroot --tls-verify=false --tag");
        build.arg(name).arg(folder).run().await
    }
}

impl ImageClient for Buildah {
    async fn start() -> Option<Self> {
        programs::require("buildah")?;
        Some(Self(Home::new()))
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "buildah login --tls-verify=false";
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
        let inspect = self
            .program()
            .line("inspect --type image --format {{.FromImageID}}");
        id(&inspect.arg(name).succeeds().await)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let push = self.program().line("push --quiet --tls-verify=false");
        push.arg(from).arg(format!("docker://{to}")).run().await
    }

    async fn forget(&self) {
        self.program().line("rmi --all --force").succeeds().await;
    }
}
