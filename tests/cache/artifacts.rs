//! What is no image, pulled through a proxy project: charts and signatures.

use crate::support::distribution::{ACCOUNT, Distribution, Guard};
use crate::support::helm::Helm;
use crate::support::layout::Layout;
use crate::support::server::Server;
use crate::support::signers::{Cosign, Notation};

/// A server whose public project `cache` is a proxy of the registry.
async fn before(upstream: &Distribution) -> Server {
    let server = Server::start().await;
    let admin = server.admin();
    let registry = admin
        .create_registry("upstream", &upstream.url(), Some(ACCOUNT))
        .await;
    admin.create_proxy_project("cache", registry, true).await;
    server
}

/// An image of the registry, by digest: its name there, and through the cache.
async fn names(upstream: &Distribution, server: &Server) -> Option<[String; 2]> {
    let image = Layout::of_debian()?;
    image
        .push("other", upstream.client(), "team/debian", "other")
        .await;
    let digest = image.tagged("other").digest;
    let there = format!("{}/team/debian@{digest}", upstream.address());
    let cached = format!("{}/cache/team/debian@{digest}", server.address());
    Some([there, cached])
}

#[tokio::test]
async fn helm_pulls_a_chart_through() {
    let Some(upstream) = Distribution::start(Guard::Token).await else {
        return;
    };
    let Some(helm) = Helm::start().await else {
        return;
    };
    let server = before(&upstream).await;
    let registry = upstream.address().to_string();
    helm.log_in(&registry, ACCOUNT).await.succeeded();
    helm.push(&format!("{registry}/team/charts")).await;
    helm.pull(&format!("{}/cache/team/charts", server.address()))
        .await;
}

#[tokio::test]
async fn cosign_verifies_a_signature_of_the_upstream() {
    let Some(upstream) = Distribution::start(Guard::Token).await else {
        return;
    };
    let Some(cosign) = Cosign::start().await else {
        return;
    };
    let server = before(&upstream).await;
    let Some([there, cached]) = names(&upstream, &server).await else {
        return;
    };
    cosign
        .log_in(&upstream.address().to_string(), ACCOUNT)
        .await;
    cosign.sign(&there).await.succeeded();
    cosign.verify(&cached).await.succeeded();
}

#[tokio::test]
async fn notation_verifies_a_signature_of_the_upstream() {
    let Some(upstream) = Distribution::start(Guard::Token).await else {
        return;
    };
    let Some(notation) = Notation::start().await else {
        return;
    };
    let server = before(&upstream).await;
    let Some([there, cached]) = names(&upstream, &server).await else {
        return;
    };
    notation
        .log_in(&upstream.address().to_string(), ACCOUNT)
        .await
        .succeeded();
    notation.sign(&there).await.succeeded();
    notation.verify(&cached).await.succeeded();
}
