//! Names of other registries, unmodified, by way of the clients' mirrors.

use crate::support::clients::{Containerd, Docker, ImageClient};
use crate::support::distribution::{ACCOUNT, Distribution, Guard};
use crate::support::http::Client;
use crate::support::layout::Layout;
use crate::support::server::{Server, free_address};

/// The image, and the registry that has it as `library/debian:multi`, or `None`
/// where that is not on this machine.
async fn upstream() -> Option<(Layout, Distribution)> {
    let image = Layout::of_debian()?;
    let upstream = Distribution::start(Guard::Token).await?;
    image
        .push("multi", upstream.client(), "library/debian", "multi")
        .await;
    Some((image, upstream))
}

/// Makes the registry what the first start's project takes for Docker Hub.
async fn play_docker_hub(upstream: &Distribution, admin: &Client) {
    admin.move_docker_hub(&upstream.url(), Some(ACCOUNT)).await;
}

#[tokio::test]
async fn containerd_pulls_names_of_docker_hub_by_hosts_toml() {
    let Some((image, mut upstream)) = upstream().await else {
        return;
    };
    let Some(mut containerd) = Containerd::start().await else {
        return;
    };
    let server = Server::builder()
        .args(["--tag-freshness-seconds", "0"])
        .start()
        .await;
    play_docker_hub(&upstream, &server.admin()).await;
    containerd.set_mirror("docker.io", "https://registry-1.docker.io", &server.url());
    let name = "docker.io/library/debian:multi";
    let config = image.tagged("deb").config();

    assert_eq!(containerd.pull(name).await, config);
    assert_eq!(containerd.target(name).await, image.tagged("multi").digest);
    upstream.stop();
    containerd.forget().await;
    assert_eq!(containerd.pull(name).await, config);
}

#[tokio::test]
async fn containerd_pulls_names_of_another_registry_by_hosts_toml() {
    let Some((image, mut upstream)) = upstream().await else {
        return;
    };
    let Some(mut containerd) = Containerd::start().await else {
        return;
    };
    let server = Server::builder()
        .args(["--tag-freshness-seconds", "0"])
        .start()
        .await;
    let admin = server.admin();
    let registry = admin
        .create_registry("upstream", &upstream.url(), Some(ACCOUNT))
        .await;
    admin.create_proxy_project("cache", registry, true).await;
    let namespace = upstream.url().replace("http://", "");
    containerd.set_mirror(&namespace, &upstream.url(), &server.url());
    let name = format!("{namespace}/library/debian:multi");
    let (platform, other) = image.platforms("multi").pop().unwrap();

    let config = containerd.pull_platform(&name, &platform).await;
    assert_eq!(config, other.config());
    upstream.stop();
    containerd.forget().await;
    let config = containerd.pull_platform(&name, &platform).await;
    assert_eq!(config, other.config());
}

#[tokio::test]
async fn docker_pulls_names_of_docker_hub_by_its_mirror() {
    let Some((image, mut upstream)) = upstream().await else {
        return;
    };
    let mirror = free_address();
    let server = Server::builder()
        .args([
            "--tag-freshness-seconds",
            "0",
            "--mirror",
            &format!("docker.io={mirror}"),
        ])
        .start()
        .await;
    play_docker_hub(&upstream, &server.admin()).await;
    let Some(docker) = Docker::with_mirror(&format!("http://{mirror}")).await else {
        return;
    };
    let config = image.tagged("deb").config();

    assert_eq!(docker.pull("debian:multi").await, config);
    let digest = image.tagged("multi").digest;
    let known = docker.repository_digests("debian:multi").await;
    assert_eq!(known, format!("[\"debian@{digest}\"]"));
    upstream.stop();
    docker.forget().await;
    assert_eq!(docker.pull("debian:multi").await, config);
    docker.forget().await;
    assert_eq!(docker.pull(&format!("debian@{digest}")).await, config);
}
