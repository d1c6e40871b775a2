//! Images of a proxy project: one that is held, and one that is not.

use std::pin::pin;

use berth_testkit::hub::{Fault, Gate, On, RequestKind};
use futures_util::future::{Either, LocalBoxFuture, join, select};

use crate::answer::Answer;
use crate::berth::Berth;
use crate::upstream::image;
use crate::walk::{Sent, Walk};
use crate::world::World;

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    [cold(), warm(), followed()].concat()
}

fn cold() -> Vec<Walk> {
    let cold = image("cold");
    let get = |line: &str| {
        let (method, path) = line.split_once(' ').unwrap();
        Sent::new(&format!("{method} /v2/cache/library/cold/{path}"))
    };
    let (manifest, layer) = (cold.digest(), cold.layers[0].digest);
    let by_reference = "GET /v2/{name}/manifests/{reference}";
    vec![
        Walk::request(by_reference, get("GET manifests/latest")).caches(),
        Walk::request(by_reference, get(&format!("GET manifests/{manifest}"))).caches(),
        Walk::request(
            "HEAD /v2/{name}/manifests/{reference}",
            get("HEAD manifests/latest"),
        )
        .caches(),
        Walk::request(
            "GET /v2/{name}/blobs/{digest}",
            get(&format!("GET blobs/{layer}")),
        )
        .caches(),
        Walk::request(
            "HEAD /v2/{name}/blobs/{digest}",
            get(&format!("HEAD blobs/{layer}")),
        ),
        Walk::request("GET /v2/{name}/tags/list", get("GET tags/list")),
        Walk::act(by_reference, "a whole pull", a_whole_pull).caches(),
    ]
}

fn a_whole_pull(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let cold = image("cold");
        let get = |path: String| Sent::new(&format!("GET /v2/cache/library/cold/{path}"));
        let blobs = cold.blobs().map(|blob| format!("blobs/{}", blob.digest));
        let mut last = berth
            .send(get("manifests/latest".to_owned()).request())
            .await;
        for path in blobs {
            if !last.is_success() {
                break;
            }
            last = berth.send(get(path).request()).await;
        }
        last
    })
}

fn warm() -> Vec<Walk> {
    let warm = image("warm");
    let get = |line: &str| {
        let (method, path) = line.split_once(' ').unwrap();
        Sent::new(&format!("{method} /v2/cache/library/warm/{path}"))
    };
    let (manifest, layer) = (warm.digest(), warm.layers[0].digest);
    vec![
        // Confirmed long ago: the upstream is asked, and need not answer.
        Walk::request(
            "GET /v2/{name}/manifests/{reference}",
            get("GET manifests/latest"),
        ),
        Walk::request(
            "HEAD /v2/{name}/manifests/{reference}",
            get("HEAD manifests/latest"),
        ),
        Walk::request(
            "GET /v2/{name}/blobs/{digest}",
            get(&format!("GET blobs/{layer}")),
        ),
        Walk::request(
            "GET /v2/{name}/referrers/{digest}",
            get(&format!("GET referrers/{manifest}")),
        ),
    ]
}

fn followed() -> Vec<Walk> {
    let route = "GET /berth/fills/{digest}/{name}";
    let walk = Walk::act(route, "while it comes in", follow_a_fill);
    vec![walk.caches().refusals(&[404])]
}

/// What another instance asks for while a client's pull is under way.
fn follow_a_fill(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let digest = image("cold").layers[0].digest;
        let repository = "cache/library/cold".parse().unwrap();
        let token = match berth.service.sign_follow(&repository, digest).await {
            Ok(token) => token,
            Err(error) => return Answer::of::<(), _>(&Err(error)),
        };
        let gate = Gate::closed();
        let hub = &berth.world.upstream.hub;
        gate.let_through(1);
        hub.clear_faults();
        let first = On::every(RequestKind::BlobGet).times(1);
        hub.fault(first, Fault::Slow(gate.clone()));
        let pull = Sent::new(&format!("GET /v2/cache/library/cold/blobs/{digest}"));
        let pull = pin!(berth.send(pull.request()));
        let pull = match select(pull, pin!(gate.arrived(2))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), pull)) => pull,
        };
        let follow = async {
            let request = Sent::new(&format!("GET /berth/fills/{digest}/{repository}"))
                .with("authorization", &format!("Bearer {}", token.reveal()));
            let answer = berth.send_and(request.request(), || gate.open()).await;
            gate.open();
            answer
        };
        let (_, answer) = join(pull, follow).await;
        answer
    })
}

#[tokio::test]
async fn proxies_survive_every_fault() {
    let world = World::used().await;
    super::walk("proxies", &world, walks(&world)).await;
}
