//! Behaviours of [`Outbox`](berth_ports::Outbox). Which transitions write to
//! it is told with those.

use std::time::Duration;

use berth_domain::{Envelope, Job};

use super::fixtures::{digest, fresh, job, sorted_digests};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `Outbox`.
    outbox_suite in outbox {
        an_empty_outbox_has_nothing_unsent,
        a_job_is_read_back_whole,
        a_job_is_unsent_from_when_it_was_written,
        unsent_jobs_come_the_oldest_first_up_to_the_limit,
        a_sent_job_is_forgotten,
        forgetting_a_job_that_is_not_there_is_no_error,
    }
}

/// Writes a job as a transition does.
async fn write(stores: &Stores, job: &Envelope) {
    let repository = "a/b".parse().unwrap();
    let session = stores.make_upload(&repository).await;
    stores
        .uploads
        .delete_upload(session.id, 1, std::slice::from_ref(job))
        .await
        .unwrap();
}

/// Whenever asked.
pub async fn an_empty_outbox_has_nothing_unsent(stores: &Stores) {
    assert_eq!(stores.unsent().await, []);
}

/// Of every kind.
pub async fn a_job_is_read_back_whole(stores: &Stores) {
    let unlink = Job::Unlink {
        repository: "a/b".parse().unwrap(),
        manifest: digest("manifest"),
        nonce: fresh(),
        blobs: sorted_digests(1000),
        children: sorted_digests(10),
    };
    for kind in [
        unlink,
        Job::DeleteObject { key: fresh() },
        Job::SweepUploads,
    ] {
        let envelope = Envelope::new(fresh(), kind);
        write(stores, &envelope).await;
        assert_eq!(stores.unsent().await, std::slice::from_ref(&envelope));
        stores.outbox.sent(envelope.id).await.unwrap();
    }
}

/// A fresh one is being sent by who wrote it.
pub async fn a_job_is_unsent_from_when_it_was_written(stores: &Stores) {
    let job = job();
    write(stores, &job).await;
    let (earlier, later) = (
        stores.now() - Duration::from_secs(1),
        stores.now() + Duration::from_secs(1),
    );
    assert_eq!(stores.outbox.unsent(earlier, 10).await.unwrap(), []);
    assert_eq!(stores.outbox.unsent(later, 10).await.unwrap(), [job]);
}

/// By time, not by id.
pub async fn unsent_jobs_come_the_oldest_first_up_to_the_limit(stores: &Stores) {
    let mut jobs = [job(), job(), job()];
    jobs.swap(0, 2);
    for job in &jobs {
        write(stores, job).await;
        stores.later();
    }
    assert_eq!(
        stores.outbox.unsent(stores.now(), 2).await.unwrap(),
        jobs[..2]
    );
    assert_eq!(stores.outbox.unsent(stores.now(), 10).await.unwrap(), jobs);
}

/// The others stay.
pub async fn a_sent_job_is_forgotten(stores: &Stores) {
    let (sent, kept) = (job(), job());
    write(stores, &sent).await;
    write(stores, &kept).await;
    stores.outbox.sent(sent.id).await.unwrap();
    assert_eq!(stores.unsent().await, [kept]);
}

/// Two may have sent it.
pub async fn forgetting_a_job_that_is_not_there_is_no_error(stores: &Stores) {
    stores.outbox.sent(fresh()).await.unwrap();
}
