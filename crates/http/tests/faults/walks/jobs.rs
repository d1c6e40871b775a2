//! Jobs: what the worker does when it looks at outbox and queue once.

use std::time::Duration;

use berth_domain::{Envelope, Job, Nonce};
use berth_oci::Digest;
use futures_util::future::LocalBoxFuture;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::dump::{Dump, difference};
use crate::upstream::image;
use crate::walk::{Sent, Walk};
use crate::walks::gc::schedule;
use crate::world::{World, large_image};

pub(crate) fn walks(_: &World) -> Vec<Walk> {
    let kinds = "job unlink, job delete_object, job sweep_uploads, job sweep_garbage, \
                 job collect_garbage";
    vec![Walk::act(kinds, "one after the other", look_once)]
}

/// The outbox is sent, and each job that is due is delivered.
fn look_once(berth: &Berth) -> LocalBoxFuture<'_, Answer> {
    Box::pin(async {
        let sent = berth.service.sweep_outbox().await;
        let done = berth.work().await;
        Answer::of(&sent.map(|_| ()).and(done.map(|_| ()).map_err(Into::into)))
    })
}

/// A world with a job of each kind in the queue: the large image was deleted
/// and pushed again, `v1` was deleted, an upload is idle.
async fn with_jobs() -> World {
    let berth = World::used().await.berth();
    for image in [large_image(), image("one")] {
        let line = format!("DELETE /v2/library/app/manifests/{}", image.digest());
        berth.must(Sent::new(&line)).await;
    }
    let large = Sent::manifest("library/app", "large", &large_image().manifest);
    berth.must(large).await;
    berth.must(schedule("POST", "Manual", "")).await;
    berth.idle().await;
    berth.world.clock.advance(Duration::from_hours(25));
    let service = &berth.service;
    for job in [service.sweep_uploads_job(), service.sweep_garbage_job()] {
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

/// All orders of `items`.
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, first) in items.iter().enumerate() {
        let rest = [&items[..place], &items[place + 1..]].concat();
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// Of 720 orders, one in so many is tried.
const SHARE: usize = 7;

#[tokio::test]
async fn jobs_may_come_in_any_order_and_twice() {
    let world = with_jobs().await;
    let berth = world.berth();
    let queue = &berth.ports().queue;
    let deliveries = queue.receive(10, Duration::from_mins(1)).await.unwrap();
    let jobs: Vec<_> = deliveries.into_iter().map(|one| one.envelope).collect();
    assert_eq!(jobs.len(), 6, "{jobs:?}");
    let expected = world.berth().swept().await;
    for order in orders(&jobs).into_iter().step_by(SHARE) {
        let berth = world.berth();
        for job in order.iter().chain(&order) {
            berth.handle(job.clone()).await.unwrap();
        }
        berth.idle().await;
        let context = || order.iter().map(|one| one.job.kind()).collect::<Vec<_>>();
        // The queue delivers them a third time.
        let found = berth.swept().await;
        assert!(
            found == expected,
            "{:?}\n{}",
            context(),
            difference(&found, &expected)
        );
        let report = berth.service.fsck(&mut |_| {}).await.unwrap();
        assert!(
            report.faults.is_empty(),
            "{:?} {:?}",
            context(),
            report.faults
        );
    }
}

#[tokio::test]
async fn a_job_of_a_newer_program_is_set_aside_and_holds_up_no_other() {
    let world = with_jobs().await;
    let expected = world.berth().settled().await;
    let berth = world.berth();
    let mut newer = berth.service.sweep_uploads_job();
    newer.v += 1;
    let queue = &berth.ports().queue;
    queue.send(&newer, Duration::ZERO).await.unwrap();
    berth.settle().await;
    assert_eq!(queue.buried().await.unwrap(), 1);
    assert_others_done(&berth, expected).await;
}

#[tokio::test]
async fn a_job_that_never_succeeds_is_set_aside_at_last_and_holds_up_no_other() {
    let world = with_jobs().await;
    let expected = world.berth().settled().await;
    let berth = world.berth();
    let ports = berth.ports();
    let (repository, nonce) = (
        "library/app".parse().unwrap(),
        Nonce::from(ports.ids.fresh()),
    );
    let manifest = Digest::sha256(b"a push that goes on for ever");
    let due = ports.clock.now() + Duration::from_hours(1000);
    ports
        .manifests
        .begin_manifest(&repository, manifest, nonce, due)
        .await
        .unwrap();
    let job = Job::Unlink {
        repository,
        manifest,
        nonce,
        blobs: Vec::new(),
        children: Vec::new(),
    };
    let never = Envelope::new(ports.ids.fresh().into(), job);
    ports.queue.send(&never, Duration::ZERO).await.unwrap();
    berth.settle().await;
    assert_eq!(ports.queue.buried().await.unwrap(), 1);
    assert_others_done(&berth, expected).await;
}

/// Nothing differs but that there is a dead letter.
async fn assert_others_done(berth: &Berth, mut expected: Dump) {
    assert!(expected.remove("0 dead letters"));
    expected.insert("1 dead letters".to_owned());
    let found = berth.dump().await;
    assert!(found == expected, "{}", difference(&found, &expected));
}
