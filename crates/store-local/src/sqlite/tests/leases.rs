//! Leases, which are in memory.

use std::time::Duration;

use berth_domain::{FreshId, Lease, LeaseId, LeaseName};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{Clock, LeaseStore};

use super::batches::Hold;
use super::*;

fn lease(layer: &str, now: Timestamp) -> Lease {
    let repository: RepositoryName = "a/b".parse().unwrap();
    Lease {
        name: LeaseName::blob(&repository, Digest::sha256(layer.as_bytes())),
        id: LeaseId::from(FreshId(1)),
        address: None,
        upload: None,
        expires_at: now + Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_lease_waits_for_no_write() {
    let Subject { store, clock, .. } = &subject();
    let hold = Hold::of(store).await;
    let (lease, now) = (lease("layer", clock.now()), clock.now());
    assert_eq!(store.take_lease(&lease, now, None).await.unwrap(), lease);
    store.renew_lease(&lease).await.unwrap();
    assert_eq!(
        store.lease(&lease.name).await.unwrap().as_ref(),
        Some(&lease)
    );
    store.end_lease(&lease.name, lease.id).await.unwrap();
    hold.let_go().await;
}

/// Fetches that ended otherwise than they should fill no memory.
#[tokio::test]
async fn a_lease_that_expired_hours_ago_is_forgotten_when_another_is_taken() {
    let Subject { store, clock, .. } = &subject();
    let lost = lease("lost", clock.now());
    store.take_lease(&lost, clock.now(), None).await.unwrap();
    let end = lost.forgotten_at();
    for (now, is_kept) in [(end - Duration::from_nanos(1), true), (end, false)] {
        let other = lease("other", now);
        store.take_lease(&other, now, None).await.unwrap();
        let found = store.lease(&lost.name).await.unwrap();
        assert_eq!(found.is_some(), is_kept);
    }
}
