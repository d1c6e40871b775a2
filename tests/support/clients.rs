//! Clients of registries that move images, each driven by its own command
//! line, all in one form.

use berth_oci::Digest;

use super::home::Outcome;
use super::login::Login;

pub(crate) use buildah::Buildah;
pub(crate) use containerd::Containerd;
pub(crate) use crane::Crane;
pub(crate) use docker::Docker;
pub(crate) use oras::Oras;
pub(crate) use podman::Podman;
pub(crate) use regctl::Regctl;
pub(crate) use skopeo::Skopeo;

mod buildah;
mod containerd;
mod crane;
mod docker;
mod folders;
mod oras;
mod podman;
mod regctl;
mod skopeo;

/// The platform of this machine, as registries call it.
const HOST_PLATFORM: &str = if cfg!(target_arch = "aarch64") {
    "linux/arm64"
} else {
    "linux/amd64"
};

/// A client that moves images, with an empty store and no login.
pub(crate) trait ImageClient: Sized {
    /// Whether it asks the registry when it logs in, rather than at the next pull.
    const LOGS_IN: bool = true;

    /// Whether it pulls and pushes an index with the images of all platforms.
    const KEEPS_INDEXES: bool = false;

    /// Starts it; `None` where it is not on this machine.
    async fn start() -> Option<Self>;

    /// Logs in.
    async fn log_in(&mut self, registry: &str, login: Login<'_>) -> Outcome;

    /// Pulls an image, or what an index has for a platform.
    async fn try_pull(&self, name: &str, platform: Option<&str>) -> Outcome;

    /// The config of what it holds after a pull, found by the client or in its
    /// files.
    async fn config(&self, name: &str, platform: Option<&str>) -> Digest;

    /// Pushes what it pulled as `from` under another name.
    async fn push(&self, from: &str, to: &str) -> Outcome;

    /// Forgets all it has pulled.
    async fn forget(&self);

    /// Pulls an image, which must succeed; answers its config.
    async fn pull(&self, name: &str) -> Digest {
        self.try_pull(name, None).await.succeeded();
        self.config(name, None).await
    }

    /// Pulls what an index has for a platform, which must succeed; answers its
    /// config.
    async fn pull_platform(&self, name: &str, platform: &str) -> Digest {
        self.try_pull(name, Some(platform)).await.succeeded();
        self.config(name, Some(platform)).await
    }
}

/// The config of an image that a client calls by a digest with or without its
/// algorithm.
fn id(text: &str) -> Digest {
    let digest = match text.split_once(':') {
        Some(_) => text.parse(),
        None => format!("sha256:{text}").parse(),
    };
    digest.unwrap_or_else(|error| panic!("{text}: {error}"))
}
