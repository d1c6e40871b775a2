//! oras, which moves images as it does any artifact.

use berth_oci::Digest;

use super::ImageClient;
use super::folders::Folders;
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::programs;

#[derive(Debug)]
pub(crate) struct Oras {
    home: Home,
    folders: Folders,
}

impl Oras {
    /// Its home folder.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// A command line of it.
    pub(crate) fn program(&self) -> CommandLine {
        self.home.program("oras")
    }
}

impl ImageClient for Oras {
    const KEEPS_INDEXES: bool = true;

    async fn start() -> Option<Self> {
        programs::require("oras")?;
        let home = Home::new();
        Some(Self {
            folders: Folders::of(&home),
            home,
        })
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let line = "oras login --plain-http";
        self.home.log_in(line, registry, login).await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let copy = self
            .program()
            .line("copy --from-plain-http --to-oci-layout");
        let copy = match platform {
            None => copy,
            Some(platform) => copy.args(["--platform", platform]),
        };
        let to = format!("{}:image", self.folders.empty(name).display());
        copy.arg(name).arg(to).run().await
    }

    async fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        self.folders.config(name, platform)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let from = format!("{}:image", self.folders.of_name(from).display());
        let copy = self
            .program()
            .line("copy --from-oci-layout --to-plain-http");
        copy.arg(from).arg(to).run().await
    }

    async fn forget(&self) {
        self.folders.forget();
    }
}
