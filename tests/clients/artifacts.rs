//! Clients that move what is no image: charts, files, signatures.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use berth_oci::Digest;
use berth_testkit::image::Image;
use serde_json::Value;

use super::{DEVELOPER, PASSWORD};
use crate::support::clients::{ImageClient, Oras};
use crate::support::home::{Home, Outcome};
use crate::support::http::Client;
use crate::support::programs;
use crate::support::server::Server;

/// A server with a private project `team` and its developer `member`.
async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let admin = server.admin();
    admin.create_project("team", false).await;
    let member = admin.create_user("member", PASSWORD).await;
    admin.add_member("team", "member", DEVELOPER).await;
    (server, member)
}

/// Logs in by a command line that ends in the user's name and the registry.
async fn log_in(home: &Home, line: &str, server: &Server, password: &str) -> Outcome {
    let (name, arguments) = line.split_once(' ').unwrap();
    let login = home.program(name).line(arguments).line("--password-stdin --username member");
    login.arg(server.address().to_string()).input(password).run().await
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
    let Some(mut oras) = Oras::start().await else { return };
    let (server, member) = start().await;
    let registry = server.address().to_string();
    oras.log_in(&registry, "member", PASSWORD).await.succeeded();
    let folder = oras.home().join("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("model.bin"), vec![7; 3_000_000]).unwrap();
    std::fs::write(folder.join("sbom.json"), "{}").unwrap();
    let name = format!("{registry}/team/models/seven:v1");

    let push = oras.program().line("push --plain-http --artifact-type application/vnd.test.model");
    push.arg(&name).arg("model.bin:application/octet-stream").within(&folder).succeeds().await;
    let attach = oras.program().line("attach --plain-http --artifact-type application/vnd.test.sbom");
    attach.arg(&name).arg("sbom.json:application/json").within(&folder).succeeds().await;

    let pull = oras.program().line("pull --plain-http --output pulled");
    pull.arg(&name).succeeds().await;
    let pulled = std::fs::read(oras.home().join("pulled/model.bin")).unwrap();
    assert_eq!(pulled, vec![7; 3_000_000]);
    let discovered = oras.program().line("discover --plain-http --format json").arg(&name);
    let discovered = discovered.succeeds().await;
    assert!(discovered.contains("application/vnd.test.sbom"), "{discovered}");
    let manifest = member.head("/v2/team/models/seven/manifests/v1").send().await.expect(200);
    let digest = manifest.header("docker-content-digest").parse().unwrap();
    let listed = referrers(&member, "team/models/seven", &digest).await;
    assert_eq!(listed, ["application/vnd.test.sbom"]);
}

#[tokio::test]
async fn helm_moves_a_chart() {
    if programs::require("helm").is_none() {
        return;
    }
    let (server, _) = start().await;
    let registry = server.address();
    let home = Home::new();
    let helm = |line: &str| home.program("helm").line(line);
    log_in(&home, "helm registry login --plain-http", &server, "wrong-Password-1").await.refused();
    log_in(&home, "helm registry login --plain-http", &server, PASSWORD).await.succeeded();
    helm("create chart").succeeds().await;
    helm("package chart").succeeds().await;

    let charts = format!("oci://{registry}/team/charts");
    helm("push --plain-http chart-0.1.0.tgz").arg(&charts).succeeds().await;
    std::fs::create_dir(home.join("pulled")).unwrap();
    let pull = helm("pull --plain-http --version 0.1.0 --destination pulled");
    pull.arg(format!("{charts}/chart")).succeeds().await;

    let read = |path: &str| std::fs::read(home.join(path)).unwrap();
    assert_eq!(read("pulled/chart-0.1.0.tgz"), read("chart-0.1.0.tgz"));
    let show = helm("show chart --plain-http --version 0.1.0").arg(format!("{charts}/chart"));
    assert!(show.succeeds().await.contains("name: chart"));
}

/// Both ways of cosign to keep a signature: beside the image under a tag, and
/// as a referrer.
#[tokio::test]
async fn cosign_signs_and_verifies_by_tag_and_by_referrer() {
    if programs::require("cosign").is_none() {
        return;
    }
    let (server, member) = start().await;
    let image = Image::random(10_000);
    member.push_image("team/signed", "1", &image).await;
    let name = format!("{}/team/signed@{}", server.address(), image.digest());
    let home = Home::new();
    log_in(&home, "cosign login", &server, "wrong-Password-1").await;
    let cosign = |line: &str| home.program("cosign").line(line).env("COSIGN_PASSWORD", "");
    cosign("generate-key-pair").succeeds().await;
    cosign("generate-key-pair --output-key-prefix other").succeeds().await;
    let sign = "sign --yes --tlog-upload=false --key cosign.key --allow-http-registry";
    let verify = "verify --insecure-ignore-tlog --allow-http-registry --key";
    cosign(sign).arg(&name).run().await.refused();

    log_in(&home, "cosign login", &server, PASSWORD).await.succeeded();
    cosign(sign).arg(&name).succeeds().await;
    cosign(verify).args(["cosign.pub", &name]).succeeds().await;
    cosign(verify).args(["other.pub", &name]).run().await.failed();
    let tag = image.digest().to_string().replace(':', "-");
    member.head(&format!("/v2/team/signed/manifests/{tag}.sig")).send().await.expect(200);

    let other = Image::random(10_000);
    member.push_image("team/signed", "2", &other).await;
    let name = format!("{}/team/signed@{}", server.address(), other.digest());
    let sign = cosign(sign).line("--registry-referrers-mode=oci-1-1");
    sign.arg(&name).env("COSIGN_EXPERIMENTAL", "1").succeeds().await;
    let verify = cosign(verify).args(["cosign.pub", "--experimental-oci11", &name]);
    verify.env("COSIGN_EXPERIMENTAL", "1").succeeds().await;
    let listed = referrers(&member, "team/signed", &other.digest()).await;
    assert_eq!(listed, ["application/vnd.dev.cosign.artifact.sig.v1+json"]);
}

/// Gives Docker's configuration a store for one login: notation keeps none in
/// plain text.
fn keep_logins(home: &Home) {
    let helper = home.join("bin/docker-credential-one");
    let script = "#!/bin/sh
case $1 in
    store) cat >\"$HOME/login.json\" ;;
    get) cat \"$HOME/login.json\" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
    *) echo {} ;;
esac
";
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();
    std::fs::write(home.join(".docker/config.json"), r#"{"credsStore":"one"}"#).unwrap();
}

#[tokio::test]
async fn notation_signs_lists_and_verifies() {
    if programs::require("notation").is_none() {
        return;
    }
    let (server, member) = start().await;
    let image = Image::random(10_000);
    member.push_image("team/signed", "1", &image).await;
    let name = format!("{}/team/signed@{}", server.address(), image.digest());
    let home = Home::new();
    let notation = |line: &str| home.program("notation").line(line);
    notation("cert generate-test --default berth.test").succeeds().await;
    let policy = serde_json::json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "all",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:berth.test"],
            "trustedIdentities": ["*"],
        }],
    });
    let policy_file = home.join(".config/notation/trustpolicy.json");
    std::fs::write(policy_file, policy.to_string()).unwrap();

    keep_logins(&home);
    let login = "notation login --insecure-registry";
    log_in(&home, login, &server, "wrong-Password-1").await.refused();
    log_in(&home, login, &server, PASSWORD).await.succeeded();
    notation("verify --insecure-registry").arg(&name).run().await.failed();
    notation("sign --insecure-registry").arg(&name).succeeds().await;
    let list = notation("list --insecure-registry").arg(&name).succeeds().await;
    assert!(list.contains("application/vnd.cncf.notary.signature"), "{list}");
    notation("verify --insecure-registry").arg(&name).succeeds().await;
    let listed = referrers(&member, "team/signed", &image.digest()).await;
    assert_eq!(listed, ["application/vnd.cncf.notary.signature"]);
}
