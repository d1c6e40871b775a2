//! Clients that move what is no image: charts, files, signatures.

use berth_oci::Digest;
use berth_testkit::image::Image;
use serde_json::Value;

use super::{DEVELOPER, MEMBER};
use crate::support::clients::{ImageClient, Oras};
use crate::support::helm::Helm;
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::signers::{Cosign, Notation};

/// A server with a private project `team` and its developer.
async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let admin = server.admin();
    admin.create_project("team", false).await;
    let member = admin.create_user(MEMBER.user, MEMBER.password).await;
    admin.add_member("team", MEMBER.user, DEVELOPER).await;
    (server, member)
}

/// Pushes an image; answers its name by digest and the digest.
async fn push_image(server: &Server, member: &Client) -> (String, Digest) {
    let image = Image::random(10_000);
    member.push_image("team/signed", "1", &image).await;
    let name = format!("{}/team/signed@{}", server.address(), image.digest());
    (name, image.digest())
}

/// The types of the referrers that the server lists.
async fn referrers(client: &Client, repository: &str, subject: &Digest) -> Vec<String> {
    let path = format!("/v2/{repository}/referrers/{subject}");
    let index = client.get(&path).send().await.expect(200).json();
    let listed = index["manifests"].as_array().unwrap().iter();
    let artifact_type = |entry: &Value| entry["artifactType"].as_str().unwrap().to_owned();
    listed.map(artifact_type).collect()
}

#[tokio::test]
async fn oras_moves_an_artifact_and_what_refers_to_it() {
    let Some(mut oras) = Oras::start().await else {
        return;
    };
    let (server, member) = start().await;
    let registry = server.address().to_string();
    oras.log_in(&registry, MEMBER).await.succeeded();
    let folder = oras.home().join("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("model.bin"), vec![7; 3_000_000]).unwrap();
    std::fs::write(folder.join("sbom.json"), "{}").unwrap();
    let name = format!("{registry}/team/models/seven:v1");

    let push = oras
        .program()
        .line("push --plain-http --artifact-type application/vnd.test.model");
    push.arg(&name)
        .arg("model.bin:application/octet-stream")
        .within(&folder)
        .succeeds()
        .await;
    let attach = "attach --plain-http --artifact-type application/vnd.test.sbom";
    let attach = oras
        .program()
        .line(attach)
        .arg(&name)
        .arg("sbom.json:application/json");
    attach.within(&folder).succeeds().await;

    oras.program()
        .line("pull --plain-http --output pulled")
        .arg(&name)
        .succeeds()
        .await;
    let pulled = std::fs::read(oras.home().join("pulled/model.bin")).unwrap();
    assert_eq!(pulled, vec![7; 3_000_000]);
    let discovered = oras
        .program()
        .line("discover --plain-http --format json")
        .arg(&name);
    let discovered = discovered.succeeds().await;
    assert!(
        discovered.contains("application/vnd.test.sbom"),
        "{discovered}"
    );
    let manifest = member
        .head("/v2/team/models/seven/manifests/v1")
        .send()
        .await
        .expect(200);
    let digest = manifest.header("docker-content-digest").parse().unwrap();
    let listed = referrers(&member, "team/models/seven", &digest).await;
    assert_eq!(listed, ["application/vnd.test.sbom"]);
}

#[tokio::test]
async fn helm_moves_a_chart() {
    let Some(helm) = Helm::start().await else {
        return;
    };
    let (server, _) = start().await;
    let registry = server.address().to_string();
    helm.log_in(&registry, MEMBER.wrong()).await.refused();
    helm.log_in(&registry, MEMBER).await.succeeded();
    let charts = format!("{registry}/team/charts");
    helm.push(&charts).await;
    helm.pull(&charts).await;
}

#[tokio::test]
async fn cosign_signs_only_when_logged_in() {
    let Some(cosign) = Cosign::start().await else {
        return;
    };
    let (server, member) = start().await;
    let (name, _) = push_image(&server, &member).await;
    cosign
        .log_in(&server.address().to_string(), MEMBER.wrong())
        .await;
    cosign.sign(&name).await.refused();
}

#[tokio::test]
async fn cosign_signs_by_a_tag_and_verifies() {
    let Some(cosign) = Cosign::start().await else {
        return;
    };
    let Some(other) = Cosign::start().await else {
        return;
    };
    let (server, member) = start().await;
    let (name, digest) = push_image(&server, &member).await;
    for cosign in [&cosign, &other] {
        cosign.log_in(&server.address().to_string(), MEMBER).await;
    }
    cosign.sign(&name).await.succeeded();
    cosign.verify(&name).await.succeeded();
    other.verify(&name).await.failed();
    let tag = digest.to_string().replace(':', "-");
    member
        .head(&format!("/v2/team/signed/manifests/{tag}.sig"))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn cosign_signs_by_a_referrer_and_verifies() {
    let Some(cosign) = Cosign::start().await else {
        return;
    };
    let (server, member) = start().await;
    let (name, digest) = push_image(&server, &member).await;
    cosign.log_in(&server.address().to_string(), MEMBER).await;
    cosign.sign_by_referrer(&name).await.succeeded();
    cosign.verify_by_referrer(&name).await.succeeded();
    let listed = referrers(&member, "team/signed", &digest).await;
    assert_eq!(listed, ["application/vnd.dev.cosign.artifact.sig.v1+json"]);
}

#[tokio::test]
async fn notation_signs_lists_and_verifies() {
    let Some(notation) = Notation::start().await else {
        return;
    };
    let (server, member) = start().await;
    let (name, digest) = push_image(&server, &member).await;
    let registry = server.address().to_string();
    notation.log_in(&registry, MEMBER.wrong()).await.refused();
    notation.log_in(&registry, MEMBER).await.succeeded();
    notation.verify(&name).await.failed();
    notation.sign(&name).await.succeeded();
    let list = notation.list(&name).await;
    assert!(
        list.contains("application/vnd.cncf.notary.signature"),
        "{list}"
    );
    notation.verify(&name).await.succeeded();
    let listed = referrers(&member, "team/signed", &digest).await;
    assert_eq!(listed, ["application/vnd.cncf.notary.signature"]);
}
