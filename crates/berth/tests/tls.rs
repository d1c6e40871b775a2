//! TLS from files that change.

use std::fs;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, Version};

use crate::support::{Server, berth, run, stderr};

/// Writes a certificate for this machine; returns it.
fn certificate(folder: &Path) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn start() -> (Server, Certificate) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = certificate(folder.path());
    let mut command = berth();
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
    ]);
    (Server::of(command, folder), certificate)
}

/// A client that trusts nothing but one certificate.
fn client(trusted: &Certificate) -> Client {
    Client::builder()
        .no_proxy()
        .tls_certs_only([trusted.clone()])
        .build()
        .unwrap()
}

async fn is_trusted(server: &Server, trusted: &Certificate) -> bool {
    client(trusted)
        .get(format!("{}/livez", server.url))
        .send()
        .await
        .is_ok()
}

#[tokio::test]
async fn tls_is_served_with_http_2_and_its_address_is_https() {
    let (server, certificate) = start();
    assert!(server.url.starts_with("https://"));
    let response = client(&certificate)
        .get(format!("{}/v2/", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains(&format!("realm=\"{}/service/token\"", server.url)),
        "{challenge}"
    );
}

#[tokio::test]
async fn sighup_reads_the_files_again() {
    let (server, old) = start();
    assert!(is_trusted(&server, &old).await);
    let new = certificate(server.folder.path());
    assert!(!is_trusted(&server, &new).await);
    server.signal("HUP");
    server.logged("TLS files read again");
    assert!(is_trusted(&server, &new).await);
    assert!(!is_trusted(&server, &old).await);
}

#[tokio::test]
async fn bad_files_leave_the_old_certificate_in_use() {
    let (server, old) = start();
    fs::write(server.folder.path().join("cert.pem"), "nonsense").unwrap();
    server.signal("HUP");
    server.logged("the old ones stay in use");
    assert!(is_trusted(&server, &old).await);
}

#[test]
fn a_key_of_another_certificate_ends_the_start() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificate(one.path());
    certificate(other.path());
    let path = |folder: &Path, name| folder.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path(one.path(), "cert.pem"), path(other.path(), "key.pem"));
    let output = run(&[
        "serve",
        "--data",
        "unused",
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("do not belong together"),
        "{}",
        stderr(&output)
    );
}
