//! Blobs that clients put into the store themselves, sent there by the
//! registry: those that can follow do, and show the store no login; all others
//! push through the registry.

use berth_oci::Digest;
use berth_testkit::image::{Content, Image};

use super::moves_an_image;
use crate::support::clients::{
    Buildah, Containerd, Crane, Docker, ImageClient, Oras, Podman, Regctl, Skopeo,
};
use crate::support::front::Front;
use crate::support::helm::Helm;
use crate::support::http::Client;
use crate::support::layout::Layout;
use crate::support::login::ADMIN;
use crate::support::server::{Server, admin_command, assert_sound};
use crate::support::wait::until;
use crate::support::{bucket, programs, store};

/// A registry that sends clients to a front of its store with what they push.
struct Sending {
    server: Server,
    front: Front,
}

impl Sending {
    /// `None` where blobs are files.
    async fn start() -> Option<Self> {
        let sending = Self::unchecked().await?;
        let (is_good, findings) = sending.check().await;
        assert!(is_good, "{findings}");
        assert!(findings.contains("redirected uploads"), "{findings}");
        Some(sending)
    }

    /// The same before `check-store` has looked.
    async fn unchecked() -> Option<Self> {
        if !store::is_aws() {
            programs::skip("redirects", "run `cargo xtask aws test`");
            return None;
        }
        let front = Front::start().await;
        let server = Server::builder()
            .args(["--redirect-uploads=true".to_owned()])
            .args([format!("--s3-upload-endpoint={}", front.url())])
            .start()
            .await;
        Some(Self { server, front })
    }

    /// Whether `check-store` is content, and what it says.
    async fn check(&self) -> (bool, String) {
        let mut command = admin_command(self.server.data(), &["check-store"]);
        command
            .env("BERTH_REDIRECT_UPLOADS", "true")
            .env("BERTH_S3_UPLOAD_ENDPOINT", self.front.url());
        let output = tokio::process::Command::from(command).output();
        let output = output.await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), format!("{said}{errors}"))
    }

    /// Pushes an image by a containerd that can be sent elsewhere; answers
    /// whether that went well.
    async fn pushes(&self, containerd: &mut Containerd, image: &Image, name: &str) -> bool {
        let (server, admin) = (&self.server, self.server.admin());
        let source = Server::start().await;
        source
            .admin()
            .push_image("library/source", "1", image)
            .await;
        let from = format!("{}/library/source:1", source.address());
        containerd
            .log_in(&source.address().to_string(), ADMIN)
            .await
            .succeeded();
        containerd.pull(&from).await;
        let to = format!("{}/library/{name}:1", server.address());
        let pushed = containerd.push_by_newer(&from, &to).await;
        let held = admin.head(&format!("/v2/library/{name}/manifests/1"));
        assert_eq!(held.send().await.status == 200, pushed.is_success());
        pushed.is_success()
    }

    /// Waits until nothing that a client put into the store itself is left there
    /// but what became blobs.
    async fn assert_nothing_staged(&self) {
        let staged = async || {
            let objects = bucket::objects(self.server.data()).await;
            objects.iter().any(|key| key.starts_with("staging/"))
        };
        until("staged objects to be deleted", async || !staged().await).await;
    }
}

/// A containerd with a client that can be sent elsewhere.
async fn newer_containerd() -> Option<Containerd> {
    if Containerd::has_newer() {
        Containerd::start().await
    } else {
        None
    }
}

/// An upload session's address, for a PUT.
async fn session(client: &Client, digest: Digest) -> String {
    let location = client.start_upload("library/app").await;
    crate::support::http::with_query(&location, &format!("digest={digest}"))
}

#[tokio::test]
async fn containerd_puts_its_layers_into_the_store_and_shows_it_no_login() {
    let Some(mut containerd) = newer_containerd().await else {
        return;
    };
    let Some(sending) = Sending::start().await else {
        return;
    };
    let image = Image::random(20_000_000);
    assert!(sending.pushes(&mut containerd, &image, "app").await);
    let put = sending.front.blobs();
    // The config is too small to be worth it.
    let [layer] = &put[..] else {
        panic!("{put:#?}");
    };
    assert_eq!(layer.length, image.layers[0].bytes.len());
    for header in ["authorization", "cookie", "proxy-authorization"] {
        assert!(!layer.headers.contains_key(header), "{layer:?}");
    }
    let pulled = format!("{}/library/app:1", sending.server.address());
    containerd.forget().await;
    assert_eq!(containerd.pull(&pulled).await, image.config.digest);
    sending.assert_nothing_staged().await;
    assert_sound(sending.server.data());
}

#[tokio::test]
async fn a_body_that_is_damaged_on_the_way_to_the_store_is_no_blob_and_leaves_nothing() {
    let Some(mut containerd) = newer_containerd().await else {
        return;
    };
    let Some(sending) = Sending::start().await else {
        return;
    };
    sending.front.damage();
    let image = Image::random(2_000_000);
    assert!(!sending.pushes(&mut containerd, &image, "app").await);
    assert_eq!(sending.front.blobs().len(), 1);
    let layer = image.layers[0].digest;
    let blob = format!("/v2/library/app/blobs/{layer}");
    let admin = sending.server.admin();
    admin.head(&blob).send().await.expect(404);
    admin.get(&blob).send().await.refused(404, "BLOB_UNKNOWN");
    sending.assert_nothing_staged().await;
    assert_sound(sending.server.data());
}

#[tokio::test]
async fn nobody_is_sent_to_a_store_that_was_not_found_to_answer_as_a_registry() {
    let Some(sending) = Sending::unchecked().await else {
        return;
    };
    let content = Content::new("application/octet-stream", vec![7; 2_000_000]);
    let admin = sending.server.admin();
    let push = async || {
        let session = session(&admin, content.digest).await;
        let put = admin.put(&session).body(content.bytes.clone());
        let answer = put.header("user-agent", "containerd/2.1.4").send().await;
        answer.expect(201);
    };
    push().await;
    sending.front.fall_silent();
    let (is_good, findings) = sending.check().await;
    assert!(
        !is_good && findings.contains("Docker-Content-Digest"),
        "{findings}"
    );
    push().await;
    assert!(sending.front.blobs().is_empty());
}

/// A client pushes what it has through the registry.
async fn pushes_through_the_registry<C: ImageClient>() {
    let Some(image) = Layout::of_debian() else {
        return;
    };
    let Some(mut client) = C::start().await else {
        return;
    };
    let Some(sending) = Sending::start().await else {
        return;
    };
    moves_an_image(&mut client, &sending.server, &image).await;
    let sent = sending.front.blobs();
    assert!(sent.is_empty(), "{sent:#?}");
}

#[tokio::test]
async fn docker_with_its_own_store_pushes_through_the_registry() {
    pushes_through_the_registry::<Docker>().await;
}

#[tokio::test]
async fn a_containerd_that_would_wait_for_ever_pushes_through_the_registry() {
    pushes_through_the_registry::<Containerd>().await;
}

#[tokio::test]
async fn podman_pushes_through_the_registry() {
    pushes_through_the_registry::<Podman>().await;
}

#[tokio::test]
async fn buildah_pushes_through_the_registry() {
    pushes_through_the_registry::<Buildah>().await;
}

#[tokio::test]
async fn skopeo_pushes_through_the_registry() {
    pushes_through_the_registry::<Skopeo>().await;
}

#[tokio::test]
async fn crane_pushes_through_the_registry() {
    pushes_through_the_registry::<Crane>().await;
}

#[tokio::test]
async fn regctl_pushes_through_the_registry() {
    pushes_through_the_registry::<Regctl>().await;
}

#[tokio::test]
async fn oras_pushes_through_the_registry() {
    pushes_through_the_registry::<Oras>().await;
}

#[tokio::test]
async fn helm_pushes_through_the_registry() {
    let Some(helm) = Helm::start().await else {
        return;
    };
    let Some(sending) = Sending::start().await else {
        return;
    };
    let address = sending.server.address().to_string();
    helm.log_in(&address, ADMIN).await.succeeded();
    let charts = format!("{address}/library/charts");
    helm.push(&charts).await;
    helm.pull(&charts).await;
    assert!(sending.front.blobs().is_empty());
}
