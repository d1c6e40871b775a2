//! Images in projects of our own.

use std::time::Duration;

use berth_testkit::image::{Content, Image};
use futures_util::future::LocalBoxFuture;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::upstream::{image, index};
use crate::walk::{Sent, Walk};
use crate::world::{World, large_image, loose_blob, referrer};

fn app(line: &str) -> Sent {
    let (method, path) = line.split_once(' ').unwrap();
    Sent::new(&format!("{method} /v2/library/app/{path}"))
}

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    [reads(), pushes(), deletions()].concat()
}

fn reads() -> Vec<Walk> {
    let one = image("one");
    let (manifest, layer) = (one.digest(), one.layers[0].digest);
    let get = "GET /v2/{name}/manifests/{reference}";
    let head = "HEAD /v2/{name}/manifests/{reference}";
    let blob = "GET /v2/{name}/blobs/{digest}";
    vec![
        Walk::request("GET /v2/", Sent::new("GET /v2/")),
        Walk::request("GET /v2/_catalog", Sent::new("GET /v2/_catalog")),
        Walk::request("GET /v2/{name}/tags/list", app("GET tags/list")),
        Walk::request(get, app("GET manifests/v1")),
        Walk::request(get, app("GET manifests/large")),
        Walk::request(get, app(&format!("GET manifests/{manifest}"))),
        Walk::request(get, app("GET manifests/v1").by("ben")),
        Walk::request(head, app("HEAD manifests/v1")),
        Walk::request(head, app(&format!("HEAD manifests/{manifest}"))),
        Walk::request(blob, app(&format!("GET blobs/{layer}"))),
        Walk::request(
            blob,
            app(&format!("GET blobs/{layer}")).with("range", "bytes=1000-150000"),
        ),
        Walk::request(
            "HEAD /v2/{name}/blobs/{digest}",
            app(&format!("HEAD blobs/{layer}")),
        ),
        Walk::act(
            "HEAD /v2/{name}/blobs/{digest}",
            "an old blob",
            head_of_an_old_blob,
        ),
        Walk::request(
            "GET /v2/{name}/referrers/{digest}",
            app(&format!("GET referrers/{manifest}")),
        ),
    ]
}

/// What a pusher is told about a blob that was pushed long ago holds again.
fn head_of_an_old_blob(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        berth.world.clock.advance(Duration::from_mins(90));
        let head = app(&format!("HEAD blobs/{}", loose_blob().digest));
        berth.send(head.request()).await
    })
}

fn pushes() -> Vec<Walk> {
    let put = "PUT /v2/{name}/manifests/{reference}";
    let post = "POST /v2/{name}/blobs/uploads/";
    let one = image("one");
    let fresh = Content::new("application/octet-stream", "fresh bytes");
    let mount = format!(
        "POST /v2/library/mounted/blobs/uploads/?mount={}&from=library/app",
        one.layers[0].digest
    );
    let parts = index(&["arm", "amd"]);
    vec![
        Walk::request(post, Sent::blob("library/app", &fresh)),
        Walk::request(post, Sent::blob("library/app", &loose_blob())),
        Walk::request(post, Sent::blob("library/new", &one.layers[0])),
        Walk::request(post, Sent::new(&mount)),
        Walk::act(put, "a new image", a_new_image).in_steps(),
        Walk::act(put, "a new large image", a_new_large_image).in_steps(),
        Walk::request(put, Sent::manifest("library/app", "v2", &one.manifest)),
        Walk::request(put, Sent::manifest("library/app", "v1", &one.manifest)),
        Walk::request(put, Sent::manifest("library/app", "again", &parts.manifest)),
        Walk::act(put, "a new referrer", a_new_referrer).in_steps(),
    ]
}

/// Blobs, manifest and tag, into a repository that is not there yet.
fn a_new_image(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(push(berth, "library/new", image("three")))
}

fn a_new_large_image(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(push(berth, "library/new", large_image()))
}

fn a_new_referrer(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    let note = referrer(&image("one"), "application/x.note");
    Box::pin(push(berth, "library/app", note))
}

/// As a client pushes: it stops at the first failure.
async fn push(berth: &Berth, repository: &str, image: Image) -> Answer {
    for blob in image.blobs() {
        let answer = berth.send(Sent::blob(repository, blob).request()).await;
        if !answer.is_success() {
            return answer;
        }
    }
    let manifest = Sent::manifest(repository, "new", &image.manifest);
    berth.send(manifest.request()).await
}

fn deletions() -> Vec<Walk> {
    let by_tag = "DELETE /v2/{name}/manifests/{tag}";
    let blob = loose_blob().digest;
    let digests = [
        image("one").digest(),
        large_image().digest(),
        index(&["arm", "amd"]).digest(),
    ];
    // The tags go first, one by one.
    let by_digest = digests.map(|digest| {
        let sent = app(&format!("DELETE manifests/{digest}"));
        Walk::request("DELETE /v2/{name}/manifests/{digest}", sent).in_steps()
    });
    let others = [
        Walk::request(by_tag, app("DELETE manifests/v1")),
        Walk::request(
            "DELETE /v2/{name}/blobs/{digest}",
            app(&format!("DELETE blobs/{blob}")),
        ),
    ];
    let all = by_digest.into_iter().chain(others);
    all.map(|walk| walk.repeats(&[404])).collect()
}

#[tokio::test]
async fn images_survive_every_fault() {
    let world = World::used().await;
    super::walk("images", &world, walks(&world)).await;
}
