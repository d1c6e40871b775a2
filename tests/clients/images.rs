//! Clients that move images: all pull, push and pull again what they pushed.

use super::{moves_an_image, needs_to_be_a_developer};
use crate::support::clients::{
    Buildah, Containerd, Crane, Docker, ImageClient, Oras, Podman, Regctl, Skopeo,
};
use crate::support::layout::Layout;
use crate::support::server::Server;

/// A client, a server and the image, or `None` where one of them cannot be.
async fn start<C: ImageClient>() -> Option<(C, Server, Layout)> {
    let image = Layout::of_debian()?;
    let client = C::start().await?;
    Some((client, Server::start().await, image))
}

#[tokio::test]
async fn docker_moves_an_image_and_runs_it() {
    let Some((mut docker, server, image)) = start::<Docker>().await else {
        return;
    };
    moves_an_image(&mut docker, &server, &image).await;
    let copy = format!("{}/library/a/copy:multi", server.address());
    assert_eq!(docker.run(&copy, "hello").await, "Hello, world!");
}

#[tokio::test]
async fn docker_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Docker>().await;
}

#[tokio::test]
async fn containerd_moves_an_image_and_runs_it() {
    let Some((mut containerd, server, image)) = start::<Containerd>().await else {
        return;
    };
    moves_an_image(&mut containerd, &server, &image).await;
    let copy = format!("{}/library/a/copy:multi", server.address());
    containerd.pull(&copy).await;
    assert_eq!(containerd.run(&copy, "hello").await, "Hello, world!");
}

#[tokio::test]
async fn containerd_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Containerd>().await;
}

#[tokio::test]
async fn podman_moves_an_image() {
    let Some((mut podman, server, image)) = start::<Podman>().await else {
        return;
    };
    moves_an_image(&mut podman, &server, &image).await;
}

#[tokio::test]
async fn podman_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Podman>().await;
}

#[tokio::test]
async fn buildah_moves_an_image_and_what_it_builds_on_it() {
    let Some((mut buildah, server, image)) = start::<Buildah>().await else {
        return;
    };
    moves_an_image(&mut buildah, &server, &image).await;
    let registry = server.address();
    let base = format!("{registry}/library/debian:deb");
    image
        .push("deb", &server.admin(), "library/debian", "deb")
        .await;
    let built = format!("{registry}/library/built:1");
    buildah
        .build(&built, &format!("FROM {base}\nRUN hello\n"))
        .await
        .succeeded();
    let config = buildah.config(&built, None).await;
    buildah.push(&built, &built).await.succeeded();
    buildah.forget().await;
    assert_eq!(buildah.pull(&built).await, config);
}

#[tokio::test]
async fn buildah_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Buildah>().await;
}

#[tokio::test]
async fn skopeo_moves_an_image() {
    let Some((mut skopeo, server, image)) = start::<Skopeo>().await else {
        return;
    };
    moves_an_image(&mut skopeo, &server, &image).await;
}

#[tokio::test]
async fn skopeo_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Skopeo>().await;
}

#[tokio::test]
async fn crane_moves_an_image() {
    let Some((mut crane, server, image)) = start::<Crane>().await else {
        return;
    };
    moves_an_image(&mut crane, &server, &image).await;
    let registry = server.address();
    let digest = crane
        .run(&format!("digest {registry}/library/a/copy:multi"))
        .await;
    assert_eq!(digest, image.tagged("multi").digest.to_string());
    assert_eq!(
        crane.run(&format!("ls {registry}/library/a/copy")).await,
        "multi"
    );
    crane
        .run(&format!(
            "validate --remote {registry}/library/a/copy:multi"
        ))
        .await;
    crane
        .run(&format!(
            "copy {registry}/library/a/copy:multi {registry}/library/b:1"
        ))
        .await;
    image
        .assert_held("multi", &server.admin(), "library/b", "1")
        .await;
}

#[tokio::test]
async fn crane_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Crane>().await;
}

#[tokio::test]
async fn regctl_moves_an_image() {
    let Some((mut regctl, server, image)) = start::<Regctl>().await else {
        return;
    };
    moves_an_image(&mut regctl, &server, &image).await;
}

#[tokio::test]
async fn regctl_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Regctl>().await;
}

#[tokio::test]
async fn oras_moves_an_image() {
    let Some((mut oras, server, image)) = start::<Oras>().await else {
        return;
    };
    moves_an_image(&mut oras, &server, &image).await;
}

#[tokio::test]
async fn oras_moves_a_private_image_for_a_developer_only() {
    needs_to_be_a_developer::<Oras>().await;
}
