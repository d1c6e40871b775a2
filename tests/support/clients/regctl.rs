//! regctl, of regclient.

use berth_oci::Digest;

use super::ImageClient;
use super::folders::Folders;
use crate::support::home::{CommandLine, Home, Outcome};
use crate::support::login::Login;
use crate::support::programs;

#[derive(Debug)]
pub(crate) struct Regctl {
    home: Home,
    folders: Folders,
}

impl Regctl {
    /// A command line for the registry of a name: one without TLS.
    fn program(&self, name: &str) -> CommandLine {
        let registry = name.split_once('/').map_or(name, |(registry, _)| registry);
        let host = format!("reg={registry},tls=disabled");
        self.home.program("regctl").args(["--host", &host])
    }
}

impl ImageClient for Regctl {
    const KEEPS_INDEXES: bool = true;

    async fn start() -> Option<Self> {
        programs::require("regctl")?;
        let home = Home::new();
        Some(Self {
            folders: Folders::of(&home),
            home,
        })
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        let log_in = self
            .program(registry)
            .line("registry login --pass-stdin --user");
        log_in
            .args([login.user, registry])
            .input(login.password)
            .run()
            .await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let copy = self.program(name).line("image copy");
        let copy = match platform {
            None => copy,
            Some(platform) => copy.args(["--platform", platform]),
        };
        let to = format!("ocidir://{}:image", self.folders.empty(name).display());
        copy.arg(name).arg(to).run().await
    }

    async fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        self.folders.config(name, platform)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let from = format!("ocidir://{}:image", self.folders.of_name(from).display());
        self.program(to)
            .line("image copy")
            .arg(from)
            .arg(to)
            .run()
            .await
    }

    async fn forget(&self) {
        self.folders.forget();
    }
}
