//! Behaviours of [`JobQueue`](berth_ports::JobQueue).

use std::collections::BTreeSet;
use std::time::Duration;

use berth_domain::Envelope;
use berth_ports::Delivery;

use super::fixtures::{RUNNERS, job, race};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `JobQueue`.
    queue_suite in queue {
        an_empty_queue_returns_at_once,
        a_sent_job_is_received_whole,
        a_delayed_job_comes_after_its_delay,
        a_received_job_is_hidden_for_its_visibility_timeout,
        a_job_that_was_not_deleted_comes_again,
        each_receipt_of_a_job_is_counted,
        at_most_the_limit_is_received,
        a_deleted_job_does_not_come_again,
        deleting_with_a_stale_receipt_is_no_error_and_keeps_the_job,
        deleting_twice_is_no_error,
        a_retried_job_comes_again_after_its_delay,
        a_job_is_retried_at_once_without_a_delay,
        a_retry_with_a_stale_receipt_shows_nothing,
        a_buried_job_does_not_come_again_and_is_counted,
        a_job_that_was_sent_twice_is_done_when_all_deliveries_are,
        receivers_at_once_get_different_jobs,
        every_job_sent_at_once_arrives,
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);

async fn send(stores: &Stores) -> Envelope {
    let job = job();
    stores.queue.send(&job, Duration::ZERO).await.unwrap();
    job
}

async fn receive(stores: &Stores) -> Vec<Delivery> {
    stores.queue.receive(10, TIMEOUT).await.unwrap()
}

/// Receives the one job that is there.
async fn receive_one(stores: &Stores) -> Delivery {
    let mut deliveries = receive(stores).await;
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

async fn assert_nothing_comes(stores: &Stores) {
    assert!(receive(stores).await.is_empty());
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The clock of a test stands still: whoever waits for it never ends.
pub async fn an_empty_queue_returns_at_once(stores: &Stores) {
    assert_nothing_comes(stores).await;
}

/// For the first time.
pub async fn a_sent_job_is_received_whole(stores: &Stores) {
    let job = send(stores).await;
    let delivery = receive_one(stores).await;
    assert_eq!((delivery.envelope, delivery.attempt), (job, 1));
}

/// Not a second before.
pub async fn a_delayed_job_comes_after_its_delay(stores: &Stores) {
    let delayed = job();
    stores.queue.send(&delayed, seconds(15 * 60)).await.unwrap();
    assert_nothing_comes(stores).await;
    stores.clock.advance(seconds(15 * 60 - 1));
    assert_nothing_comes(stores).await;
    stores.clock.advance(seconds(1));
    assert_eq!(receive_one(stores).await.envelope, delayed);
}

/// From every receiver.
pub async fn a_received_job_is_hidden_for_its_visibility_timeout(stores: &Stores) {
    send(stores).await;
    receive_one(stores).await;
    assert_nothing_comes(stores).await;
    stores.clock.advance(seconds(29));
    assert_nothing_comes(stores).await;
}

/// Its worker may have died.
pub async fn a_job_that_was_not_deleted_comes_again(stores: &Stores) {
    let job = send(stores).await;
    let first = receive_one(stores).await;
    stores.clock.advance(TIMEOUT);
    let second = receive_one(stores).await;
    assert_eq!(second.envelope, job);
    assert_ne!(second.receipt, first.receipt);
}

/// The second one is the second attempt, and so on.
pub async fn each_receipt_of_a_job_is_counted(stores: &Stores) {
    send(stores).await;
    for attempt in 1..=5 {
        assert_eq!(receive_one(stores).await.attempt, attempt);
        stores.clock.advance(TIMEOUT);
    }
}

/// The others come next.
pub async fn at_most_the_limit_is_received(stores: &Stores) {
    let mut sent = BTreeSet::new();
    for _ in 0..5 {
        sent.insert(send(stores).await.id);
    }
    let mut received = BTreeSet::new();
    while received.len() < sent.len() {
        let deliveries = stores.queue.receive(2, TIMEOUT).await.unwrap();
        assert!(
            (1..=2).contains(&deliveries.len()),
            "{} received",
            deliveries.len()
        );
        received.extend(deliveries.into_iter().map(|delivery| delivery.envelope.id));
    }
    assert_eq!(received, sent);
    assert_nothing_comes(stores).await;
}

/// Not even after its visibility timeout.
pub async fn a_deleted_job_does_not_come_again(stores: &Stores) {
    send(stores).await;
    let delivery = receive_one(stores).await;
    stores.queue.delete(&delivery.receipt).await.unwrap();
    stores.clock.advance(TIMEOUT);
    assert_nothing_comes(stores).await;
    assert_eq!(stores.queue.buried().await.unwrap(), 0);
}

/// The job is another receiver's by then.
pub async fn deleting_with_a_stale_receipt_is_no_error_and_keeps_the_job(stores: &Stores) {
    send(stores).await;
    let stale = receive_one(stores).await;
    stores.clock.advance(TIMEOUT);
    receive_one(stores).await;
    stores.queue.delete(&stale.receipt).await.unwrap();
    stores.clock.advance(TIMEOUT);
    assert_eq!(receive_one(stores).await.attempt, 3);
}

/// An answer may have been lost.
pub async fn deleting_twice_is_no_error(stores: &Stores) {
    send(stores).await;
    let delivery = receive_one(stores).await;
    stores.queue.delete(&delivery.receipt).await.unwrap();
    stores.queue.delete(&delivery.receipt).await.unwrap();
}

/// The delay takes the place of the visibility timeout, shorter or longer.
pub async fn a_retried_job_comes_again_after_its_delay(stores: &Stores) {
    send(stores).await;
    for (attempt, delay) in [(1, 15), (2, 60)] {
        let delivery = receive_one(stores).await;
        assert_eq!(delivery.attempt, attempt);
        stores
            .queue
            .retry(&delivery.receipt, seconds(delay))
            .await
            .unwrap();
        stores.clock.advance(seconds(delay - 1));
        assert_nothing_comes(stores).await;
        stores.clock.advance(seconds(1));
    }
    assert_eq!(receive_one(stores).await.attempt, 3);
}

/// As the next attempt.
pub async fn a_job_is_retried_at_once_without_a_delay(stores: &Stores) {
    send(stores).await;
    let delivery = receive_one(stores).await;
    stores
        .queue
        .retry(&delivery.receipt, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(receive_one(stores).await.attempt, 2);
}

/// The job is hidden for another receiver by then. Whether the call fails is
/// not said.
pub async fn a_retry_with_a_stale_receipt_shows_nothing(stores: &Stores) {
    send(stores).await;
    let stale = receive_one(stores).await;
    stores.clock.advance(TIMEOUT);
    receive_one(stores).await;
    let _ = stores.queue.retry(&stale.receipt, Duration::ZERO).await;
    assert_nothing_comes(stores).await;
}

/// The others go on.
pub async fn a_buried_job_does_not_come_again_and_is_counted(stores: &Stores) {
    send(stores).await;
    let delivery = receive_one(stores).await;
    let other = send(stores).await;
    assert_eq!(stores.queue.buried().await.unwrap(), 0);
    stores
        .queue
        .bury(&delivery.receipt, "it failed for good")
        .await
        .unwrap();
    assert_eq!(stores.queue.buried().await.unwrap(), 1);
    stores.clock.advance(TIMEOUT);
    assert_eq!(receive_one(stores).await.envelope, other);
}

/// Twice or once, but at least once.
pub async fn a_job_that_was_sent_twice_is_done_when_all_deliveries_are(stores: &Stores) {
    let job = send(stores).await;
    stores.queue.send(&job, Duration::ZERO).await.unwrap();
    let deliveries = receive(stores).await;
    assert!((1..=2).contains(&deliveries.len()));
    for delivery in deliveries {
        assert_eq!(delivery.envelope, job);
        stores.queue.delete(&delivery.receipt).await.unwrap();
    }
    stores.clock.advance(TIMEOUT);
    assert_nothing_comes(stores).await;
}

/// A job is hidden from the moment it is received.
pub async fn receivers_at_once_get_different_jobs(stores: &Stores) {
    let mut sent = BTreeSet::new();
    for _ in 0..4 * RUNNERS {
        sent.insert(send(stores).await.id);
    }
    let received = race(|_| {
        let stores = stores.clone();
        async move {
            let mut received = Vec::new();
            loop {
                let deliveries = stores.queue.receive(3, TIMEOUT).await.unwrap();
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
pub async fn every_job_sent_at_once_arrives(stores: &Stores) {
    let sent = race(|_| {
        let stores = stores.clone();
        async move { send(&stores).await.id }
    })
    .await;
    let mut received = BTreeSet::new();
    loop {
        let deliveries = receive(stores).await;
        if deliveries.is_empty() {
            break;
        }
        received.extend(deliveries.into_iter().map(|delivery| delivery.envelope.id));
    }
    assert_eq!(received, sent.into_iter().collect());
}
