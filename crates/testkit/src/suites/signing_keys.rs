//! Behaviours of [`AccessStore`](berth_ports::AccessStore): signing keys.

use berth_domain::{Sealed, SigningKey};

use super::fixtures::{race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `AccessStore` about signing keys.
    signing_keys_suite in signing_keys {
        there_are_no_signing_keys_at_first,
        signing_keys_are_listed_the_youngest_first,
        the_first_signing_key_expects_none,
        a_signing_key_expects_the_youngest_before_it,
        one_of_many_first_signing_keys_wins,
        one_of_many_rotations_wins,
        a_deleted_signing_key_is_gone,
        deleting_a_signing_key_that_is_not_there_is_no_error,
    }
}

/// Makes a key a second after the one before.
fn key(stores: &Stores, kid: &str) -> SigningKey {
    SigningKey {
        kid: kid.to_owned(),
        private: Sealed(kid.as_bytes().to_vec()),
        created_at: stores.later(),
    }
}

async fn keys(stores: &Stores) -> Vec<SigningKey> {
    stores.access.signing_keys().await.unwrap()
}

/// A fresh store has none.
pub async fn there_are_no_signing_keys_at_first(stores: &Stores) {
    assert_eq!(keys(stores).await, []);
}

/// Whole, by time, not by name.
pub async fn signing_keys_are_listed_the_youngest_first(stores: &Stores) {
    let (b, a, c) = (key(stores, "b"), key(stores, "a"), key(stores, "c"));
    stores.access.add_signing_key(&b, None).await.unwrap();
    stores.access.add_signing_key(&a, Some("b")).await.unwrap();
    stores.access.add_signing_key(&c, Some("a")).await.unwrap();
    assert_eq!(keys(stores).await, [c, a, b]);
}

/// Where there is one, another first one is refused.
pub async fn the_first_signing_key_expects_none(stores: &Stores) {
    let first = key(stores, "a");
    stores.access.add_signing_key(&first, None).await.unwrap();
    assert_fails!(
        stores.access.add_signing_key(&key(stores, "b"), None).await,
        Conflict
    );
    assert_eq!(keys(stores).await, [first]);
}

/// Neither an older one nor one that is not there.
pub async fn a_signing_key_expects_the_youngest_before_it(stores: &Stores) {
    let none_yet = stores
        .access
        .add_signing_key(&key(stores, "a"), Some("z"))
        .await;
    assert_fails!(none_yet, Conflict);
    stores
        .access
        .add_signing_key(&key(stores, "a"), None)
        .await
        .unwrap();
    stores
        .access
        .add_signing_key(&key(stores, "b"), Some("a"))
        .await
        .unwrap();
    for after in ["a", "z"] {
        let added = stores
            .access
            .add_signing_key(&key(stores, "c"), Some(after))
            .await;
        assert_fails!(added, Conflict);
    }
    assert_eq!(keys(stores).await.len(), 2);
}

async fn rotate(stores: &Stores, after: Option<&'static str>) -> Vec<SigningKey> {
    let results = race(|runner| {
        let (stores, key) = (stores.clone(), key(stores, &format!("new{runner}")));
        async move {
            stores
                .access
                .add_signing_key(&key, after)
                .await
                .map(|()| key)
        }
    })
    .await;
    assert_eq!(winners(&results), 1);
    results.into_iter().filter_map(Result::ok).collect()
}

/// Instances that start at once get along with one key.
pub async fn one_of_many_first_signing_keys_wins(stores: &Stores) {
    let winner = rotate(stores, None).await;
    assert_eq!(keys(stores).await, winner);
}

/// Instances that rotate at once make one key.
pub async fn one_of_many_rotations_wins(stores: &Stores) {
    let old = key(stores, "old");
    stores.access.add_signing_key(&old, None).await.unwrap();
    let winner = rotate(stores, Some("old")).await;
    assert_eq!(keys(stores).await, [winner[0].clone(), old]);
}

/// The others stay.
pub async fn a_deleted_signing_key_is_gone(stores: &Stores) {
    let (a, b) = (key(stores, "a"), key(stores, "b"));
    stores.access.add_signing_key(&a, None).await.unwrap();
    stores.access.add_signing_key(&b, Some("a")).await.unwrap();
    stores.access.delete_signing_key("a").await.unwrap();
    assert_eq!(keys(stores).await, [b]);
}

/// A repeat says nothing.
pub async fn deleting_a_signing_key_that_is_not_there_is_no_error(stores: &Stores) {
    stores.access.delete_signing_key("a").await.unwrap();
}
