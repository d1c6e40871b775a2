//! Behaviours of [`LeaseStore`](berth_ports::LeaseStore).

use std::time::Duration;

use berth_domain::{Lease, LeaseId, LeaseName};
use berth_oci::{Reference, RepositoryName};
use jiff::Timestamp;

use super::fixtures::{digest, fresh, race, tag};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LeaseStore`.
    leases_suite in leases {
        a_lease_is_taken_when_there_is_none,
        a_lease_that_nobody_took_is_none,
        a_taker_brings_no_upload,
        a_second_taker_is_told_of_the_first,
        another_name_is_another_lease,
        an_expired_lease_can_be_read,
        an_expired_lease_is_taken_and_keeps_its_upload,
        a_lease_whose_holder_is_gone_is_taken_before_it_expires_and_keeps_its_upload,
        a_lease_that_was_taken_over_is_not_taken_by_who_knows_its_former_holder_gone,
        the_holder_takes_its_lease_again,
        the_holder_takes_its_expired_lease_again,
        renewing_keeps_address_upload_and_expiry,
        renewing_can_take_address_and_upload_away,
        renewing_an_expired_lease_holds_it_again,
        renewing_anothers_lease_conflicts_and_changes_nothing,
        renewing_an_ended_lease_conflicts_and_makes_none,
        an_ended_lease_is_gone,
        ending_anothers_lease_does_nothing,
        ending_an_ended_lease_does_nothing,
        an_ended_lease_leaves_no_upload_to_the_next,
        of_many_that_take_a_lease_at_once_one_has_it,
        of_many_that_take_a_lease_over_at_once_one_has_it,
    }
}

/// How long a lease is held.
const HELD: Duration = Duration::from_secs(30);
/// The last moment of that.
const TO_THE_LAST: Duration = Duration::from_nanos(29_999_999_999);

fn repository() -> RepositoryName {
    "library/nginx".parse().unwrap()
}

fn name() -> LeaseName {
    LeaseName::blob(&repository(), digest("layer"))
}

/// One that nobody took yet.
fn free(now: Timestamp) -> Lease {
    Lease {
        name: name(),
        id: fresh(),
        address: Some("http://10.0.0.1:5000".to_owned()),
        upload: None,
        expires_at: now + HELD,
    }
}

async fn take(stores: &Stores, lease: &Lease) -> Lease {
    take_over(stores, lease, None).await
}

async fn take_over(stores: &Stores, lease: &Lease, gone: Option<LeaseId>) -> Lease {
    let taken = stores.leases.take_lease(lease, stores.now(), gone);
    taken.await.unwrap()
}

async fn end(stores: &Stores, lease: &Lease) {
    let ended = stores.leases.end_lease(&lease.name, lease.id);
    ended.await.unwrap();
}

async fn get(stores: &Stores) -> Option<Lease> {
    stores.leases.lease(&name()).await.unwrap()
}

/// A lease that is held, with an upload session.
async fn held(stores: &Stores) -> Lease {
    let lease = free(stores.now());
    take(stores, &lease).await;
    let held = Lease {
        upload: Some(fresh()),
        ..lease
    };
    stores.leases.renew_lease(&held).await.unwrap();
    held
}

/// The holder may be one that others cannot reach.
pub async fn a_lease_is_taken_when_there_is_none(stores: &Stores) {
    for address in [None, Some("https://berth.example.test:8443".to_owned())] {
        let lease = Lease {
            address,
            ..free(stores.now())
        };
        assert_eq!(take(stores, &lease).await, lease);
        assert_eq!(get(stores).await.as_ref(), Some(&lease));
        end(stores, &lease).await;
    }
}

/// It is no error either.
pub async fn a_lease_that_nobody_took_is_none(stores: &Stores) {
    assert_eq!(get(stores).await, None);
}

/// Only a renewal stores one.
pub async fn a_taker_brings_no_upload(stores: &Stores) {
    let lease = free(stores.now());
    let with_upload = Lease {
        upload: Some(fresh()),
        ..lease.clone()
    };
    assert_eq!(take(stores, &with_upload).await, lease);
    assert_eq!(get(stores).await, Some(lease));
}

/// To the last moment.
pub async fn a_second_taker_is_told_of_the_first(stores: &Stores) {
    let first = held(stores).await;
    let second = free(stores.now());
    assert_eq!(take(stores, &second).await, first);
    stores.clock.advance(TO_THE_LAST);
    assert_eq!(take(stores, &second).await, first);
    assert_eq!(get(stores).await, Some(first));
}

/// A blob's in another repository, another blob's, a manifest's, a tag's.
pub async fn another_name_is_another_lease(stores: &Stores) {
    held(stores).await;
    let repository = repository();
    let other = "library/nginx2".parse().unwrap();
    let layer = digest("layer");
    let names = [
        LeaseName::blob(&other, layer),
        LeaseName::blob(&repository, digest("other")),
        LeaseName::manifest(&repository, &Reference::Digest(layer)),
        LeaseName::manifest(&repository, &Reference::Tag(tag("latest"))),
    ];
    for name in names {
        let lease = Lease {
            name,
            ..free(stores.now())
        };
        assert_eq!(take(stores, &lease).await, lease);
    }
}

/// Who follows its holder looks for it there still.
pub async fn an_expired_lease_can_be_read(stores: &Stores) {
    let lease = held(stores).await;
    stores.clock.advance(2 * HELD);
    assert_eq!(get(stores).await, Some(lease));
}

/// From the moment on at which it expires.
pub async fn an_expired_lease_is_taken_and_keeps_its_upload(stores: &Stores) {
    let first = held(stores).await;
    stores.clock.advance(HELD);
    let second = Lease {
        address: None,
        ..free(stores.now())
    };
    let taken = Lease {
        upload: first.upload,
        ..second.clone()
    };
    assert_eq!(take(stores, &second).await, taken);
    assert_eq!(get(stores).await, Some(taken));
}

/// Whoever asked the holder and found nobody need not wait.
pub async fn a_lease_whose_holder_is_gone_is_taken_before_it_expires_and_keeps_its_upload(
    stores: &Stores,
) {
    let first = held(stores).await;
    let second = free(stores.later());
    let taken = Lease {
        upload: first.upload,
        ..second.clone()
    };
    assert_eq!(take_over(stores, &second, Some(first.id)).await, taken);
    assert_eq!(get(stores).await, Some(taken));
}

/// Somebody else found out earlier.
pub async fn a_lease_that_was_taken_over_is_not_taken_by_who_knows_its_former_holder_gone(
    stores: &Stores,
) {
    let first = held(stores).await;
    let second = free(stores.now());
    let second = take_over(stores, &second, Some(first.id)).await;
    let third = free(stores.now());
    let told = take_over(stores, &third, Some(first.id)).await;
    assert_eq!(told, second);
    assert_eq!(get(stores).await, Some(second));
}

/// The answer was lost, and the caller asks once more.
pub async fn the_holder_takes_its_lease_again(stores: &Stores) {
    let first = held(stores).await;
    let again = Lease {
        expires_at: stores.later() + HELD,
        ..first
    };
    assert_eq!(take(stores, &again).await, again);
    assert_eq!(get(stores).await, Some(again));
}

/// Nobody else wanted it.
pub async fn the_holder_takes_its_expired_lease_again(stores: &Stores) {
    let first = held(stores).await;
    stores.clock.advance(2 * HELD);
    let again = Lease {
        expires_at: stores.now() + HELD,
        ..first
    };
    assert_eq!(take(stores, &again).await, again);
    assert_eq!(get(stores).await, Some(again));
}

/// The upload session may be another one than before.
pub async fn renewing_keeps_address_upload_and_expiry(stores: &Stores) {
    let first = held(stores).await;
    let renewed = Lease {
        address: Some("http://10.0.0.2:5001".to_owned()),
        upload: Some(fresh()),
        expires_at: stores.later() + HELD,
        ..first
    };
    stores.leases.renew_lease(&renewed).await.unwrap();
    assert_eq!(get(stores).await.as_ref(), Some(&renewed));
    stores.clock.advance(TO_THE_LAST);
    let second = free(stores.now());
    assert_eq!(take(stores, &second).await, renewed);
}

/// What a renewal says is all that is known.
pub async fn renewing_can_take_address_and_upload_away(stores: &Stores) {
    let bare = Lease {
        address: None,
        upload: None,
        ..held(stores).await
    };
    stores.leases.renew_lease(&bare).await.unwrap();
    assert_eq!(get(stores).await, Some(bare));
}

/// Nobody took it while the holder was late.
pub async fn renewing_an_expired_lease_holds_it_again(stores: &Stores) {
    let first = held(stores).await;
    stores.clock.advance(2 * HELD);
    let renewed = Lease {
        expires_at: stores.now() + HELD,
        ..first
    };
    stores.leases.renew_lease(&renewed).await.unwrap();
    let second = free(stores.now());
    assert_eq!(take(stores, &second).await, renewed);
}

/// The holder was late, and learns that another goes on with its work.
pub async fn renewing_anothers_lease_conflicts_and_changes_nothing(stores: &Stores) {
    let first = held(stores).await;
    stores.clock.advance(HELD);
    let second = free(stores.now());
    let second = take(stores, &second).await;
    let renewed = Lease {
        upload: Some(fresh()),
        expires_at: stores.now() + 2 * HELD,
        ..first
    };
    assert_fails!(stores.leases.renew_lease(&renewed).await, Conflict);
    assert_eq!(get(stores).await, Some(second));
}

/// A renewal under way when the work was done brings nothing back.
pub async fn renewing_an_ended_lease_conflicts_and_makes_none(stores: &Stores) {
    let lease = held(stores).await;
    end(stores, &lease).await;
    assert_fails!(stores.leases.renew_lease(&lease).await, Conflict);
    assert_eq!(get(stores).await, None);
}

/// Whoever comes next need not wait.
pub async fn an_ended_lease_is_gone(stores: &Stores) {
    let first = held(stores).await;
    end(stores, &first).await;
    assert_eq!(get(stores).await, None);
    let second = free(stores.now());
    assert_eq!(take(stores, &second).await, second);
}

/// The holder was late, and another goes on with its work.
pub async fn ending_anothers_lease_does_nothing(stores: &Stores) {
    let first = held(stores).await;
    let second = free(stores.now());
    let second = take_over(stores, &second, Some(first.id)).await;
    end(stores, &first).await;
    assert_eq!(get(stores).await, Some(second));
}

/// The answer was lost, and the caller asks once more.
pub async fn ending_an_ended_lease_does_nothing(stores: &Stores) {
    let lease = held(stores).await;
    end(stores, &lease).await;
    end(stores, &lease).await;
    assert_eq!(get(stores).await, None);
}

/// The session has ended too.
pub async fn an_ended_lease_leaves_no_upload_to_the_next(stores: &Stores) {
    let first = held(stores).await;
    end(stores, &first).await;
    let second = free(stores.now());
    assert_eq!(take(stores, &second).await.upload, None);
    assert_eq!(get(stores).await.unwrap().upload, None);
}

/// Each takes it with an id of its own: one has it, and all are told of that
/// one.
async fn assert_one_has_it(stores: &Stores, gone: Option<LeaseId>) {
    let now = stores.now();
    let told = race(|_| {
        let (stores, lease) = (stores.clone(), free(now));
        async move { (lease.id, take_over(&stores, &lease, gone).await) }
    })
    .await;
    let holder = get(stores).await.unwrap();
    for (_, lease) in &told {
        assert_eq!(lease, &holder);
    }
    let holders = told.iter().filter(|(id, _)| *id == holder.id).count();
    assert_eq!(holders, 1, "{told:?}");
}

/// Many instances are asked for the same blob.
pub async fn of_many_that_take_a_lease_at_once_one_has_it(stores: &Stores) {
    assert_one_has_it(stores, None).await;
}

/// Many followed the same holder.
pub async fn of_many_that_take_a_lease_over_at_once_one_has_it(stores: &Stores) {
    let first = held(stores).await;
    assert_one_has_it(stores, Some(first.id)).await;
    let successor = get(stores).await.unwrap();
    assert_eq!(successor.upload, first.upload);
    stores.clock.advance(HELD);
    assert_one_has_it(stores, None).await;
    assert_ne!(get(stores).await.unwrap().id, successor.id);
}
