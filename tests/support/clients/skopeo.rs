//! skopeo, which copies between registries and folders.

use berth_oci::Digest;

use super::ImageClient;
use super::folders::Folders;
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::programs;

#[derive(Debug)]
pub(crate) struct Skopeo {
    home: Home,
    folders: Folders,
}

impl Skopeo {
    fn copy(&self) -> CommandLine {
        self.home
            .program("skopeo")
            .line("copy --src-tls-verify=false --dest-tls-verify=false")
    }
}

impl ImageClient for Skopeo {
    const KEEPS_INDEXES: bool = true;

    async fn start() -> Option<Self> {
        programs::require("skopeo")?;
        let home = Home::new();
        Some(Self {
            folders: Folders::of(&home),
            home,
        })
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "skopeo login --tls-verify=false";
        self.home.log_in(line, registry, login).await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let to = format!("oci:{}:image", self.folders.empty(name).display());
        let copy = match platform {
            None => self.copy().arg("--all"),
            Some(platform) => {
                let (os, architecture) = platform.split_once('/').unwrap();
                let skopeo = self.home.program("skopeo");
                let skopeo = skopeo.args(["--override-os", os, "--override-arch", architecture]);
                skopeo.line("copy --src-tls-verify=false")
            }
        };
        copy.arg(format!("docker://{name}")).arg(to).run().await
    }

    async fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        self.folders.config(name, platform)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let from = format!("oci:{}:image", self.folders.of_name(from).display());
        self.copy()
            .arg("--all")
            .arg(from)
            .arg(format!("docker://{to}"))
            .run()
            .await
    }

    async fn forget(&self) {
        self.folders.forget();
    }
}
