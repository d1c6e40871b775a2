//! crane, of go-containerregistry.

use berth_oci::Digest;

use super::ImageClient;
use super::folders::Folders;
use crate::support::home::{Home, Outcome};
use crate::support::login::Login;
use crate::support::programs;

#[derive(Debug)]
pub(crate) struct Crane {
    home: Home,
    folders: Folders,
}

impl Crane {
    /// Runs it with these arguments, which must succeed; answers its output.
    pub(crate) async fn run(&self, line: &str) -> String {
        self.home.program("crane").line(line).succeeds().await
    }
}

impl ImageClient for Crane {
    const LOGS_IN: bool = false;
    const KEEPS_INDEXES: bool = true;

    async fn start() -> Option<Self> {
        programs::require("crane")?;
        let home = Home::new();
        Some(Self {
            folders: Folders::of(&home),
            home,
        })
    }

    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome {
        self.home.log_in("crane auth login", registry, login).await
    }

    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome {
        let pull = self.home.program("crane").line("pull --format=oci");
        let pull = match platform {
            None => pull,
            Some(platform) => pull.args(["--platform", platform]),
        };
        pull.arg(name).arg(self.folders.empty(name)).run().await
    }

    async fn config(&self, name: &str, platform: Option<&str>) -> Digest {
        self.folders.config(name, platform)
    }

    async fn push(&self, from: &str, to: &str) -> Outcome {
        let from = self.folders.of_name(from);
        self.home
            .program("crane")
            .arg("push")
            .arg(from)
            .arg(to)
            .run()
            .await
    }

    async fn forget(&self) {
        self.folders.forget();
    }
}
