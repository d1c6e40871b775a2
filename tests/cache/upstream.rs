//! The image of another registry, pulled through a proxy project.

use crate::support::clients::{
    Buildah, Containerd, Crane, Docker, ImageClient, Oras, Podman, Regctl, Skopeo,
};
use crate::support::distribution::{ACCOUNT, Distribution, Guard};
use crate::support::layout::Layout;
use crate::support::login::ADMIN;
use crate::support::server::{Server, assert_sound};

/// Pulls the image for each of its platforms cold, again with the upstream
/// there, and again by tag and by digest with the upstream stopped. All that
/// the client was given is then served as the upstream had it.
async fn pulls_through<C: ImageClient>() {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let Some(mut upstream) = Distribution::start(Guard::Token).await else {
        return;
    };
    let Some(client) = C::start().await else {
        return;
    };
    image
        .push("multi", upstream.client(), "team/debian", "multi")
        .await;
    // A tag is never fresh, so that each pull by tag asks the upstream.
    let server = Server::builder()
        .args(["--tag-freshness-seconds", "0"])
        .start()
        .await;
    let admin = server.admin();
    let registry = admin
        .create_registry("upstream", &upstream.url(), Some(ACCOUNT))
        .await;
    admin.create_proxy_project("cache", registry, true).await;
    let repository = format!("{}/cache/team/debian", server.address());
    let name = format!("{repository}:multi");

    for (platform, image) in image.platforms("multi") {
        let config = client.pull_platform(&name, &platform).await;
        assert_eq!(config, image.config(), "cold, {platform}");
    }
    client.forget().await;
    let config = image.tagged("deb").config();
    assert_eq!(client.pull(&name).await, config, "warm");

    upstream.stop();
    client.forget().await;
    assert_eq!(
        client.pull(&name).await,
        config,
        "by tag, without the upstream"
    );
    for (platform, image) in image.platforms("multi") {
        let name = format!("{repository}@{}", image.digest);
        let config = client.pull_platform(&name, &platform).await;
        assert_eq!(
            config,
            image.config(),
            "by digest, without the upstream, {platform}"
        );
    }
    image
        .assert_held("multi", &admin, "cache/team/debian", "multi")
        .await;
    assert_sound(server.data());
}

#[tokio::test]
async fn docker_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Docker>().await;
}

#[tokio::test]
async fn containerd_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Containerd>().await;
}

#[tokio::test]
async fn podman_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Podman>().await;
}

#[tokio::test]
async fn buildah_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Buildah>().await;
}

#[tokio::test]
async fn skopeo_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Skopeo>().await;
}

#[tokio::test]
async fn crane_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Crane>().await;
}

#[tokio::test]
async fn regctl_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Regctl>().await;
}

#[tokio::test]
async fn oras_pulls_through_and_on_without_the_upstream() {
    pulls_through::<Oras>().await;
}

#[tokio::test]
async fn an_upstream_behind_basic_authentication_is_pulled_through() {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let Some(mut upstream) = Distribution::start(Guard::Basic).await else {
        return;
    };
    let Some(crane) = Crane::start().await else {
        return;
    };
    image
        .push("other", upstream.client(), "team/debian", "other")
        .await;
    let server = Server::start().await;
    let admin = server.admin();
    let registry = admin
        .create_registry("upstream", &upstream.url(), Some(ACCOUNT))
        .await;
    admin.create_proxy_project("cache", registry, true).await;
    let name = format!("{}/cache/team/debian:other", server.address());
    let config = image.tagged("other").config();
    assert_eq!(crane.pull(&name).await, config);
    upstream.stop();
    assert_eq!(crane.pull(&name).await, config);
}

#[tokio::test]
async fn a_private_proxy_project_is_pulled_through_by_its_members_only() {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let Some(upstream) = Distribution::start(Guard::Token).await else {
        return;
    };
    let Some(mut crane) = Crane::start().await else {
        return;
    };
    image
        .push("other", upstream.client(), "team/debian", "other")
        .await;
    let server = Server::start().await;
    let admin = server.admin();
    let registry = admin
        .create_registry("upstream", &upstream.url(), Some(ACCOUNT))
        .await;
    admin.create_proxy_project("cache", registry, false).await;
    let name = format!("{}/cache/team/debian:other", server.address());
    crane.try_pull(&name, None).await.refused();
    crane
        .log_in(&server.address().to_string(), ADMIN)
        .await
        .succeeded();
    assert_eq!(crane.pull(&name).await, image.tagged("other").config());
}
