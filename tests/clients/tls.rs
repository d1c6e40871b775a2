//! Docker through nginx, which has TLS where Berth has not.

use crate::support::clients::{Docker, ImageClient};
use crate::support::layout::Layout;
use crate::support::login::ADMIN;
use crate::support::nginx::Nginx;
use crate::support::server::Server;

#[tokio::test]
async fn docker_logs_in_and_pushes_through_nginx_with_tls() {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let server = Server::builder()
        .args(["--trusted-proxies", "127.0.0.1/32"])
        .start()
        .await;
    let Some(nginx) = Nginx::before(server.address()).await else {
        return;
    };
    let Some(mut docker) = Docker::trusting(&nginx.certificate()).await else {
        return;
    };
    let admin = server.admin();
    image.push("deb", &admin, "library/debian", "deb").await;
    let registry = nginx.address().to_string();

    // The token service that it names is the one that clients reach.
    let certificate = reqwest::Certificate::from_pem(&std::fs::read(nginx.certificate()).unwrap());
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate.unwrap()]);
    let base = client
        .build()
        .unwrap()
        .get(format!("https://{registry}/v2/"))
        .send()
        .await
        .unwrap();
    let challenge = base.headers()["www-authenticate"].to_str().unwrap();
    let realm = format!("realm=\"https://{registry}/service/token\"");
    assert!(challenge.contains(&realm), "{challenge}");

    docker.log_in(&registry, ADMIN.wrong()).await.refused();
    docker.log_in(&registry, ADMIN).await.succeeded();
    let pushed = format!("{registry}/library/debian:deb");
    let copy = format!("{registry}/library/copy:deb");
    let config = image.tagged("deb").config();
    assert_eq!(docker.pull(&pushed).await, config);
    docker.push(&pushed, &copy).await.succeeded();
    docker.forget().await;
    assert_eq!(docker.pull(&copy).await, config);
}
