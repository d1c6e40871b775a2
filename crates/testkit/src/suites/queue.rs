//! Behaviours of [`JobQueue`](berth_ports::JobQueue).
//!
//! No behaviour says how long a second is: time passes by the subject's
//! [`QueueTime`](crate::QueueTime), by hand or in earnest.

use std::collections::BTreeSet;
use std::time::Duration;

use berth_domain::{Envelope, Job};
use berth_oci::{Algorithm, Digest};
use berth_ports::Delivery;

use super::fixtures::{RUNNERS, fresh, job, race};
use crate::Queue;

suite! {
    /// Makes tests of the behaviours of `JobQueue`. The argument is an
    /// expression for a future of a fresh [`Queue`].
    queue_suite in queue {
        an_empty_queue_returns_at_once,
        a_sent_job_is_received_whole,
        a_job_of_any_size_is_received_whole,
        a_delayed_job_comes_after_its_delay,
        a_delay_may_be_of_15_minutes,
        a_received_job_is_hidden_for_its_visibility_timeout,
        a_job_that_was_not_deleted_comes_again,
        each_receipt_of_a_job_is_counted,
        at_most_the_limit_is_received,
        a_deleted_job_does_not_come_again,
        deleting_with_a_stale_receipt_is_no_error_and_keeps_the_job,
        deleting_twice_is_no_error,
        a_retried_job_comes_again_after_its_delay,
        a_job_is_retried_at_once_without_a_delay,
        a_job_that_is_put_off_again_and_again_stays_its_receivers,
        a_retry_with_a_stale_receipt_shows_nothing,
        a_buried_job_does_not_come_again_and_is_counted,
        a_job_that_was_sent_twice_is_done_when_all_deliveries_are,
        receivers_at_once_get_different_jobs,
        every_job_sent_at_once_arrives,
    }
}

/// Longer than a behaviour takes: a job that it receives comes once.
const LONG: Duration = Duration::from_mins(10);

async fn send(queue: &Queue) -> Envelope {
    let job = job();
    queue.jobs.send(&job, Duration::ZERO).await.unwrap();
    job
}

/// Receives what is there and hides it for long.
async fn receive(queue: &Queue) -> Vec<Delivery> {
    queue.jobs.receive(10, LONG).await.unwrap()
}

/// Receives the one job that is there and hides it for long.
async fn receive_one(queue: &Queue) -> Delivery {
    receive_for(queue, LONG).await
}

/// Receives the one job that is there and hides it until time was let pass.
async fn receive_briefly(queue: &Queue) -> Delivery {
    receive_for(queue, queue.time.hidden()).await
}

async fn receive_for(queue: &Queue, visibility_timeout: Duration) -> Delivery {
    let received = queue.jobs.receive(10, visibility_timeout).await;
    let mut deliveries = received.unwrap();
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

async fn assert_nothing_comes(queue: &Queue) {
    assert_eq!(receive(queue).await.len(), 0);
}

/// Lets the time pass for which a job is hidden that was received briefly.
async fn pass(queue: &Queue) {
    queue.time.pass(queue.time.hidden()).await;
}

/// The same, in two steps: nothing comes before.
async fn pass_and_see_nothing_before(queue: &Queue) {
    let (hidden, margin) = (queue.time.hidden(), queue.time.margin());
    queue.time.pass(hidden.checked_sub(margin).unwrap()).await;
    assert_nothing_comes(queue).await;
    queue.time.pass(margin).await;
}

/// Whoever waits for a clock that stands still never ends.
pub async fn an_empty_queue_returns_at_once(queue: &Queue) {
    assert_nothing_comes(queue).await;
}

/// For the first time.
pub async fn a_sent_job_is_received_whole(queue: &Queue) {
    let job = send(queue).await;
    let delivery = receive_one(queue).await;
    assert_eq!((delivery.envelope, delivery.attempt), (job, 1));
}

/// That of the largest manifest. It can be tried again, done and buried as any
/// other.
pub async fn a_job_of_any_size_is_received_whole(queue: &Queue) {
    let digests = || (0..2000_u32).map(|n| Digest::of(Algorithm::Sha512, &n.to_be_bytes()));
    let large = Envelope::new(
        fresh(),
        Job::Unlink {
            repository: "a/b".parse().unwrap(),
            manifest: Digest::sha256(b"index"),
            nonce: fresh(),
            blobs: digests().collect(),
            children: digests().collect(),
        },
    );
    let jobs = &queue.jobs;
    jobs.send(&large, Duration::ZERO).await.unwrap();
    let first = receive_one(queue).await;
    assert_eq!((first.envelope, first.attempt), (large.clone(), 1));
    jobs.retry(&first.receipt, Duration::ZERO).await.unwrap();
    let second = receive_one(queue).await;
    assert_eq!((second.envelope, second.attempt), (large.clone(), 2));
    jobs.delete(&second.receipt).await.unwrap();

    jobs.send(&large, Duration::ZERO).await.unwrap();
    let third = receive_one(queue).await;
    assert_eq!((third.envelope, third.attempt), (large, 1));
    jobs.bury(&third.receipt, "it failed for good")
        .await
        .unwrap();
    assert_eq!(jobs.buried().await.unwrap(), 1);
    assert_nothing_comes(queue).await;
}

/// Not before.
pub async fn a_delayed_job_comes_after_its_delay(queue: &Queue) {
    let delayed = job();
    let delay = queue.time.hidden();
    queue.jobs.send(&delayed, delay).await.unwrap();
    assert_nothing_comes(queue).await;
    pass_and_see_nothing_before(queue).await;
    assert_eq!(receive_one(queue).await.envelope, delayed);
}

/// The longest.
pub async fn a_delay_may_be_of_15_minutes(queue: &Queue) {
    let delay = Duration::from_mins(15);
    queue.jobs.send(&job(), delay).await.unwrap();
    assert_nothing_comes(queue).await;
}

/// From every receiver.
pub async fn a_received_job_is_hidden_for_its_visibility_timeout(queue: &Queue) {
    send(queue).await;
    receive_briefly(queue).await;
    assert_nothing_comes(queue).await;
    pass_and_see_nothing_before(queue).await;
    receive_one(queue).await;
}

/// Its worker may have died.
pub async fn a_job_that_was_not_deleted_comes_again(queue: &Queue) {
    let job = send(queue).await;
    let first = receive_briefly(queue).await;
    pass(queue).await;
    let second = receive_one(queue).await;
    assert_eq!(second.envelope, job);
    assert_ne!(second.receipt, first.receipt);
}

/// The second one is the second attempt, and so on.
pub async fn each_receipt_of_a_job_is_counted(queue: &Queue) {
    send(queue).await;
    for attempt in 1..=3 {
        assert_eq!(receive_briefly(queue).await.attempt, attempt);
        pass(queue).await;
    }
}

/// The others come next.
pub async fn at_most_the_limit_is_received(queue: &Queue) {
    let mut sent = BTreeSet::new();
    for _ in 0..5 {
        sent.insert(send(queue).await.id);
    }
    let mut received = BTreeSet::new();
    while received.len() < sent.len() {
        let deliveries = queue.jobs.receive(2, LONG).await.unwrap();
        assert!(
            (1..=2).contains(&deliveries.len()),
            "{} received",
            deliveries.len()
        );
        received.extend(deliveries.into_iter().map(|delivery| delivery.envelope.id));
    }
    assert_eq!(received, sent);
    assert_nothing_comes(queue).await;
}

/// Not even after its visibility timeout.
pub async fn a_deleted_job_does_not_come_again(queue: &Queue) {
    send(queue).await;
    let delivery = receive_briefly(queue).await;
    queue.jobs.delete(&delivery.receipt).await.unwrap();
    pass(queue).await;
    assert_nothing_comes(queue).await;
    assert_eq!(queue.jobs.buried().await.unwrap(), 0);
}

/// The job is another receiver's by then.
pub async fn deleting_with_a_stale_receipt_is_no_error_and_keeps_the_job(queue: &Queue) {
    send(queue).await;
    let stale = receive_briefly(queue).await;
    pass(queue).await;
    receive_briefly(queue).await;
    queue.jobs.delete(&stale.receipt).await.unwrap();
    pass(queue).await;
    assert_eq!(receive_one(queue).await.attempt, 3);
}

/// An answer may have been lost.
pub async fn deleting_twice_is_no_error(queue: &Queue) {
    send(queue).await;
    let delivery = receive_one(queue).await;
    queue.jobs.delete(&delivery.receipt).await.unwrap();
    queue.jobs.delete(&delivery.receipt).await.unwrap();
}

/// The delay takes the place of the visibility timeout, shorter or longer.
pub async fn a_retried_job_comes_again_after_its_delay(queue: &Queue) {
    send(queue).await;
    let (jobs, hidden) = (&queue.jobs, queue.time.hidden());
    let first = receive_one(queue).await;
    jobs.retry(&first.receipt, hidden).await.unwrap();
    pass_and_see_nothing_before(queue).await;

    let second = receive_briefly(queue).await;
    assert_eq!(second.attempt, 2);
    jobs.retry(&second.receipt, 2 * hidden).await.unwrap();
    pass(queue).await;
    assert_nothing_comes(queue).await;
    pass(queue).await;
    assert_eq!(receive_one(queue).await.attempt, 3);
}

/// As the next attempt.
pub async fn a_job_is_retried_at_once_without_a_delay(queue: &Queue) {
    send(queue).await;
    let delivery = receive_one(queue).await;
    let jobs = &queue.jobs;
    jobs.retry(&delivery.receipt, Duration::ZERO).await.unwrap();
    assert_eq!(receive_one(queue).await.attempt, 2);
}

/// So a receiver keeps a job for as long as it needs, by one receipt.
pub async fn a_job_that_is_put_off_again_and_again_stays_its_receivers(queue: &Queue) {
    send(queue).await;
    let (jobs, long) = (&queue.jobs, 2 * queue.time.hidden());
    let delivery = receive_briefly(queue).await;
    for _ in 0..2 {
        jobs.retry(&delivery.receipt, long).await.unwrap();
        pass(queue).await;
        assert_nothing_comes(queue).await;
    }
    jobs.delete(&delivery.receipt).await.unwrap();
    pass(queue).await;
    assert_nothing_comes(queue).await;
}

/// The job is hidden for another receiver by then. Whether the call fails is
/// not said.
pub async fn a_retry_with_a_stale_receipt_shows_nothing(queue: &Queue) {
    send(queue).await;
    let stale = receive_briefly(queue).await;
    pass(queue).await;
    receive_one(queue).await;
    let _ = queue.jobs.retry(&stale.receipt, Duration::ZERO).await;
    assert_nothing_comes(queue).await;
}

/// The others go on.
pub async fn a_buried_job_does_not_come_again_and_is_counted(queue: &Queue) {
    send(queue).await;
    let delivery = receive_briefly(queue).await;
    let other = send(queue).await;
    assert_eq!(queue.jobs.buried().await.unwrap(), 0);
    let reason = "it failed for good";
    queue.jobs.bury(&delivery.receipt, reason).await.unwrap();
    assert_eq!(queue.jobs.buried().await.unwrap(), 1);
    pass(queue).await;
    assert_eq!(receive_one(queue).await.envelope, other);
}

/// Twice or once, but at least once.
pub async fn a_job_that_was_sent_twice_is_done_when_all_deliveries_are(queue: &Queue) {
    let job = send(queue).await;
    queue.jobs.send(&job, Duration::ZERO).await.unwrap();
    let hidden = queue.time.hidden();
    let deliveries = queue.jobs.receive(10, hidden).await.unwrap();
    assert!((1..=2).contains(&deliveries.len()));
    for delivery in deliveries {
        assert_eq!(delivery.envelope, job);
        queue.jobs.delete(&delivery.receipt).await.unwrap();
    }
    pass(queue).await;
    assert_nothing_comes(queue).await;
}

/// A job is hidden from the moment it is received.
pub async fn receivers_at_once_get_different_jobs(queue: &Queue) {
    let mut sent = BTreeSet::new();
    for _ in 0..4 * RUNNERS {
        sent.insert(send(queue).await.id);
    }
    let received = race(|_| {
        let queue = queue.clone();
        async move {
            let mut received = Vec::new();
            loop {
                let deliveries = queue.jobs.receive(3, LONG).await.unwrap();
                if deliveries.is_empty() {
                    return received;
                }
                received.extend(deliveries.into_iter().map(|delivery| delivery.envelope.id));
            }
        }
    })
    .await
    .concat();
    assert_eq!(received.len(), sent.len());
    assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), sent);
}

/// None is lost.
pub async fn every_job_sent_at_once_arrives(queue: &Queue) {
    let sent = race(|_| {
        let queue = queue.clone();
        async move { send(&queue).await.id }
    })
    .await;
    let mut received = BTreeSet::new();
    loop {
        let deliveries = receive(queue).await;
        if deliveries.is_empty() {
            break;
        }
        received.extend(deliveries.into_iter().map(|delivery| delivery.envelope.id));
    }
    assert_eq!(received, sent.into_iter().collect());
}
