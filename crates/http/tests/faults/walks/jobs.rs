//! Jobs: what the worker does when it looks at outbox and queue once.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::walk::{Sent, Walk};
use crate::world::{World, large_image};

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    let kinds = ["unlink", "delete_object", "sweep_uploads", "sweep_garbage"];
    kinds
        .into_iter()
        .map(|kind| Walk::act(&format!("job {kind}"), look_once))
        .collect()
}

/// The outbox is sent, and each job that is due is delivered.
fn look_once(berth: &Berth) -> BoxFuture<'_, Answer> {
    Box::pin(async {
        let sent = berth.service.sweep_outbox().await;
        let done = berth.work().await;
        Answer::of(&sent.map(|_| ()).and(done.map(|_| ()).map_err(Into::into)))
    })
}

/// A world with a job of each kind in the queue: the large image is deleted, an
/// upload is idle.
async fn with_jobs() -> World {
    let berth = World::used().await.berth();
    let large = large_image().digest();
    let line = format!("DELETE /v2/library/app/manifests/{large}");
    berth.must(Sent::new(&line)).await;
    berth.idle().await;
    berth.world.clock.advance(Duration::from_hours(25));
    for job in [berth.service.sweep_uploads_job()] {
        let queue = &berth.ports().queue;
        queue.send(&job, Duration::ZERO).await.unwrap();
    }
    berth.world.fork()
}

#[tokio::test]
async fn jobs_survive_every_fault() {
    let world = with_jobs().await;
    super::walk("jobs", &world, walks(&world)).await;
}
