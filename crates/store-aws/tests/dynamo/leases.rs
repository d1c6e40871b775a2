//! Leases when answers are lost, and when tries come late.

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{FreshId, Lease, LeaseId, LeaseName};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{Clock, Ids, LeaseStore};
use berth_store_aws::DynamoStore;
use berth_testkit::ManualClock;
use jiff::Timestamp;

use super::faulty::{Fault, FaultyDynamo};
use super::{RandomIds, endpoint, fresh_table, open};

fn fresh<Id: From<FreshId>>() -> Id {
    Id::from(RandomIds.fresh())
}

/// A lease that is free at `now`.
pub(crate) fn lease(now: Timestamp) -> Lease {
    let repository: RepositoryName = "library/nginx".parse().unwrap();
    Lease {
        name: LeaseName::blob(&repository, Digest::sha256(b"layer")),
        id: fresh::<LeaseId>(),
        address: Some("https://berth.example.test:5000".to_owned()),
        upload: None,
        expires_at: now + Duration::from_secs(30),
    }
}

async fn faulty_store() -> (FaultyDynamo, DynamoStore, Timestamp) {
    let faulty = FaultyDynamo::before(&endpoint()).await;
    let clock = Arc::new(ManualClock::default());
    let store = open(&faulty.through(&fresh_table()), clock.clone()).await;
    store.create_table().await.unwrap();
    (faulty, store, clock.now())
}

#[tokio::test]
async fn a_taking_whose_answer_was_lost_is_its_takers() {
    let (faulty, store, now) = faulty_store().await;
    let lease = lease(now);
    faulty.next("UpdateItem", Fault::AnswerLost);
    let taken = store.take_lease(&lease, now, None).await.unwrap();
    assert!(faulty.is_done());
    assert_eq!(taken, lease);
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_done() {
    let (faulty, store, now) = faulty_store().await;
    let lease = lease(now);
    store.take_lease(&lease, now, None).await.unwrap();
    let renewed = Lease {
        upload: Some(fresh()),
        ..lease
    };
    faulty.next("UpdateItem", Fault::AnswerLost);
    store.renew_lease(&renewed).await.unwrap();
    assert!(faulty.is_done());
    assert_eq!(store.lease(&renewed.name).await.unwrap(), Some(renewed));
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_done() {
    let (faulty, store, now) = faulty_store().await;
    let lease = lease(now);
    store.take_lease(&lease, now, None).await.unwrap();
    faulty.next("DeleteItem", Fault::AnswerLost);
    store.end_lease(&lease.name, lease.id).await.unwrap();
    assert!(faulty.is_done());
    assert_eq!(store.lease(&lease.name).await.unwrap(), None);
}

#[tokio::test]
async fn a_late_try_of_a_taking_takes_nothing_from_a_successor() {
    let (faulty, store, now) = faulty_store().await;
    let (first, second) = (lease(now), lease(now));
    let late = faulty.duplicate_next("UpdateItem");
    store.take_lease(&first, now, None).await.unwrap();
    assert!(faulty.is_done());
    let taken = store.take_lease(&second, now, Some(first.id));
    assert_eq!(taken.await.unwrap(), second);
    late.arrive().await;
    assert_eq!(store.lease(&first.name).await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_late_try_of_an_end_takes_nothing_from_a_successor() {
    let (faulty, store, now) = faulty_store().await;
    let (first, second) = (lease(now), lease(now));
    store.take_lease(&first, now, None).await.unwrap();
    let late = faulty.duplicate_next("DeleteItem");
    store.end_lease(&first.name, first.id).await.unwrap();
    assert!(faulty.is_done());
    store.take_lease(&second, now, None).await.unwrap();
    late.arrive().await;
    assert_eq!(store.lease(&first.name).await.unwrap(), Some(second));
}
