//! Blobs that clients put into the store themselves.

use berth_testkit::image::{Content, Image, Layer};
use futures_util::future::LocalBoxFuture;
use http::StatusCode;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::walk::{Sent, Walk};
use crate::world::World;

/// An image with a layer that is large enough to be sent to the store.
fn image() -> Image {
    let layer = Layer {
        diff_id: berth_oci::Digest::sha256(b"layer"),
        bytes: vec![7; 1024 * 1024].into(),
    };
    Image::builder().with_layer(layer).build()
}

fn layer() -> Content {
    image().layers.remove(0)
}

pub(crate) fn walks(_world: &World) -> Vec<Walk> {
    vec![
        Walk::act("HEAD /v2/{name}/blobs/{digest}", "arrived", push_and_ask)
            .again(push_and_ask)
            .in_steps(),
        Walk::act(
            "PUT /v2/{name}/manifests/{reference}",
            "of what arrived",
            push_image,
        )
        .again(push_image)
        .in_steps(),
    ]
}

/// What containerd does: it asks, begins an upload, and puts the blob where it
/// is sent.
async fn put_layer(berth: &Berth) -> Answer {
    let blob = format!("/v2/library/app/blobs/{}", layer().digest);
    let head = berth.send(Sent::new(&format!("HEAD {blob}")).request());
    let head = head.await;
    if head.status != StatusCode::NOT_FOUND {
        return head;
    }
    let begun = Sent::new("POST /v2/library/app/blobs/uploads/");
    let begun = berth.send(begun.request()).await;
    let Some(location) = begun.location().filter(|_| begun.is_success()) else {
        return begun;
    };
    let put = Sent::new(&format!("PUT {location}&digest={}", layer().digest))
        .bytes("application/octet-stream", layer().bytes)
        .with("user-agent", "containerd/2.1.4");
    let answer = berth.send(put.request()).await;
    if answer.status == StatusCode::TEMPORARY_REDIRECT {
        let address = answer.location().unwrap();
        berth.world.blobs.put_at(address, layer().bytes);
    }
    answer
}

fn push_and_ask(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let put = put_layer(berth).await;
        if put.status != StatusCode::TEMPORARY_REDIRECT {
            return put;
        }
        let head = format!("HEAD /v2/library/app/blobs/{}", layer().digest);
        berth.send(Sent::new(&head).request()).await
    })
}

fn push_image(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let image = image();
        let put = put_layer(berth).await;
        let is_there = put.is_success() || put.status == StatusCode::TEMPORARY_REDIRECT;
        if !is_there {
            return put;
        }
        let config = Sent::blob("library/app", &image.config);
        let config = berth.send(config.request()).await;
        if !config.is_success() {
            return config;
        }
        let manifest = Sent::manifest("library/app", "arrived", &image.manifest);
        berth.send(manifest.request()).await
    })
}

#[tokio::test]
async fn arrivals_survive_every_fault() {
    let world = World::used().await;
    super::walk("arrivals", &world, walks(&world)).await;
}
