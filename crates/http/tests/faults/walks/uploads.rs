//! Upload sessions. The world has one, with the first half of a blob.

use berth_testkit::image::Content;
use futures_util::future::LocalBoxFuture;
use http::StatusCode;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::walk::{Sent, Walk};
use crate::world::{HALF, World, halved_blob};

pub(crate) fn walks(world: &World) -> Vec<Walk> {
    let session = &world.upload;
    let Content { digest, bytes, .. } = halved_blob();
    let rest = |sent: Sent| sent.bytes("application/octet-stream", bytes.slice(HALF..));
    let whole = format!("PUT {session}&digest={digest}");
    vec![
        Walk::request(
            "POST /v2/{name}/blobs/uploads/",
            Sent::new("POST /v2/library/app/blobs/uploads/"),
        ),
        Walk::request(
            "PATCH /v2/{name}/blobs/uploads/{id}",
            rest(Sent::new(&format!("PATCH {session}"))),
        )
        .again(go_on)
        .repeats(&[201]),
        Walk::request("PUT /v2/{name}/blobs/uploads/{id}", rest(Sent::new(&whole))).again(go_on),
        Walk::request(
            "GET /v2/{name}/blobs/uploads/{id}",
            Sent::new(&format!("GET {session}")),
        ),
        Walk::request(
            "DELETE /v2/{name}/blobs/uploads/{id}",
            Sent::new(&format!("DELETE {session}")),
        )
        .repeats(&[404]),
    ]
}

/// What a client does that does not know how far it came: it asks, and goes on
/// from there, or begins anew.
fn go_on(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let Content { digest, bytes, .. } = halved_blob();
        let session = berth.world.upload.split('?').next().unwrap();
        let status = berth
            .send(Sent::new(&format!("GET {session}")).request())
            .await;
        if status.status == StatusCode::NOT_FOUND {
            return berth
                .send(Sent::blob("library/app", &halved_blob()).request())
                .await;
        }
        let end = status.headers["range"].to_str().unwrap();
        let end: usize = end.trim_start_matches("0-").parse().unwrap();
        let location = status.location().unwrap();
        let rest = Sent::new(&format!("PUT {location}&digest={digest}"))
            .bytes("application/octet-stream", bytes.slice(end + 1..));
        berth.send(rest.request()).await
    })
}

#[tokio::test]
async fn uploads_survive_every_fault() {
    let world = World::used().await;
    super::walk("uploads", &world, walks(&world)).await;
}
