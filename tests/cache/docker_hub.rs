//! The project `dockerhub` of the first start, with a double of Docker Hub.

use berth_testkit::hub::{Hub, RequestKind};
use berth_testkit::image::Index;

use crate::support::clients::{Crane, Docker, ImageClient};
use crate::support::server::Server;

const PLATFORMS: &[&str] = &["linux/amd64", "linux/arm64"];

/// The double with `library/alpine:latest`, and a server in front of it.
async fn start() -> (Hub, Index, Server) {
    let hub = Hub::start().await;
    let index = Index::random(PLATFORMS, 500_000);
    hub.push_index("library/alpine", "latest", &index);
    let server = Server::start().await;
    server.admin().move_docker_hub(&hub.url(), None).await;
    (hub, index, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_pulls_from_docker_hub_once() {
    let Some(docker) = Docker::start().await else {
        return;
    };
    let (hub, index, server) = start().await;
    let name = format!("{}/dockerhub/library/alpine", server.address());
    let config = index.images[0].config.digest;
    assert_eq!(docker.pull_platform(&name, PLATFORMS[0]).await, config);
    hub.stop().await;
    docker.forget().await;
    assert_eq!(docker.pull_platform(&name, PLATFORMS[0]).await, config);
    let gets = hub.count(RequestKind::ManifestGet);
    assert_eq!(gets, 2, "the index and its image: {:#?}", hub.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_one_part_mean_library_names() {
    let Some(crane) = Crane::start().await else {
        return;
    };
    let (_hub, index, server) = start().await;
    let name = format!("{}/dockerhub/alpine:latest", server.address());
    let digest = crane.run(&format!("digest {name}")).await;
    assert_eq!(digest, index.digest().to_string());
    crane.pull(&name).await;
}
