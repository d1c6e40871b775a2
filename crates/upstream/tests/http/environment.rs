//! Proxies and certificate authorities from the environment. It is read once a
//! process, so that each of these starts one.

use std::process::{Command, Output};
use std::sync::Arc;

use berth_testkit::hub::HubSettings;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

/// What [`ping_as_told`] is told by.
const PING: &str = "BERTH_TEST_PING";

#[tokio::test]
#[ignore = "the other tests start it in an environment of theirs"]
async fn ping_as_told() {
    let told = std::env::var(PING).unwrap();
    let url = told.trim_start_matches("insecure ");
    let remote = Remote {
        insecure: told != url,
        ..remote(url)
    };
    upstream().ping(&remote).await.unwrap();
}

/// Pings in a process with these variables. The error is what it wrote.
async fn ping(told: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "environment::ping_as_told",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command
            .env_remove(proxy)
            .env_remove(proxy.to_ascii_lowercase());
    }
    command.env(PING, told).envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let written = [stdout, stderr].concat();
    let written = String::from_utf8_lossy(&written).into_owned();
    assert!(written.contains("running 1 test"), "{written}");
    if status.success() {
        Ok(())
    } else {
        Err(written)
    }
}

#[tokio::test]
async fn requests_go_through_the_proxy_of_the_environment() {
    // The double answers whatever host it is asked as.
    let proxy = Hub::start_with(HubSettings::open()).await;
    let variables = [("HTTP_PROXY", proxy.url())];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    ping("http://registry.test", &variables).await.unwrap();
    assert_eq!(proxy.log(), ["registry GET /v2/ 200"]);
}

#[tokio::test]
async fn no_proxy_names_what_is_asked_directly() {
    let proxy = Hub::start_with(HubSettings::open()).await;
    let hub = Hub::start_with(HubSettings::open()).await;
    let url = proxy.url();
    ping(
        &hub.url(),
        &[("HTTP_PROXY", &url), ("NO_PROXY", "127.0.0.1")],
    )
    .await
    .unwrap();
    assert_eq!((proxy.log().len(), hub.log().len()), (0, 1));
}

/// A registry over TLS; returns its address and its certificate.
async fn tls_registry() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut connection) = acceptor.accept(connection).await else {
                continue;
            };
            let mut request = [0; 4096];
            if connection.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                connection.write_all(answer).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        }
    });
    (url, cert.pem())
}

#[tokio::test]
async fn ssl_cert_file_says_which_certificates_are_good() {
    let (url, certificate) = tls_registry().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).unwrap();
    ping(&url, &[("SSL_CERT_FILE", file.to_str().unwrap())])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (url, _) = tls_registry().await;
    let (_, other) = tls_registry().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, other).unwrap();
    let refused = ping(&url, &[("SSL_CERT_FILE", file.to_str().unwrap())])
        .await
        .unwrap_err();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn without_any_authority_https_is_refused_and_http_works() {
    let (url, _) = tls_registry().await;
    let none = [
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    let refused = ping(&url, &none).await.unwrap_err();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    let hub = Hub::start_with(HubSettings::open()).await;
    ping(&hub.url(), &none).await.unwrap();
}

#[tokio::test]
async fn an_insecure_endpoint_is_talked_to_whatever_its_certificate() {
    let (url, _) = tls_registry().await;
    ping(&format!("insecure {url}"), &[]).await.unwrap();
}
