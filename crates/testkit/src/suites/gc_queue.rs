//! Behaviours of [`GcQueue`](berth_ports::GcQueue). Which transitions put
//! entries into it is told with those.

use std::time::Duration;

use berth_oci::RepositoryName;
use berth_ports::{GcEntry, GcSubject};

use super::fixtures::{digest, fresh};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `GcQueue`.
    gc_queue_suite in gc_queue {
        an_empty_gc_queue_has_nothing_due,
        an_entry_is_due_from_its_time_on,
        each_enqueue_makes_an_entry_of_its_own,
        entries_come_the_oldest_first_in_pages,
        entries_of_one_time_are_all_there,
        a_postponed_entry_is_due_at_its_new_time_only,
        a_postponed_entry_that_is_gone_is_put_again,
        decided_entries_are_gone_and_the_others_stay,
        deciding_entries_that_are_not_there_is_no_error,
        up_to_1000_entries_are_decided_at_once,
    }
}

/// Puts a link into the queue, due after some seconds.
async fn enqueue(stores: &Stores, repository: &RepositoryName, name: &str, seconds: u64) {
    let due = stores.now() + Duration::from_secs(seconds);
    stores
        .links
        .prepare_link(repository, digest(name), fresh(), due)
        .await
        .unwrap();
}

async fn due(stores: &Stores, after: Option<&str>, limit: usize) -> Vec<GcEntry> {
    stores
        .gc
        .due(stores.now() + Duration::from_secs(100), after, limit)
        .await
        .unwrap()
}

/// Whenever asked.
pub async fn an_empty_gc_queue_has_nothing_due(stores: &Stores) {
    assert_eq!(due(stores, None, 10).await, []);
}

/// Not a second before.
pub async fn an_entry_is_due_from_its_time_on(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    enqueue(stores, &repository, "layer", 10).await;
    let at = |seconds| {
        stores
            .gc
            .due(stores.now() + Duration::from_secs(seconds), None, 10)
    };
    assert_eq!(at(9).await.unwrap(), []);
    assert_eq!(at(10).await.unwrap().len(), 1);
    assert_eq!(at(11).await.unwrap().len(), 1);
}

/// Even if all about them is equal.
pub async fn each_enqueue_makes_an_entry_of_its_own(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    enqueue(stores, &repository, "layer", 0).await;
    enqueue(stores, &repository, "layer", 0).await;
    let entries = due(stores, None, 10).await;
    assert_eq!(entries.len(), 2);
    assert_ne!(entries[0].key, entries[1].key);
    assert_eq!(entries[0].subject, entries[1].subject);
}

/// Keys are in the order of time, so that one is a cursor.
pub async fn entries_come_the_oldest_first_in_pages(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let order = [1, 2, 9, 10, 11, 99];
    for seconds in [10, 9, 99, 1, 11, 2] {
        enqueue(stores, &repository, &seconds.to_string(), seconds).await;
    }
    for limit in [1, 4, 6, 10] {
        let mut entries: Vec<GcEntry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.key.clone());
            let page = due(stores, after.as_deref(), limit).await;
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            entries.extend(page);
        }
        assert!(entries.is_sorted_by(|one, other| one.key < other.key));
        let expected: Vec<_> = order
            .iter()
            .map(|seconds| {
                let layer = digest(&seconds.to_string());
                let due = stores.now() + Duration::from_secs(*seconds);
                (due, GcSubject::Link(repository.clone(), layer))
            })
            .collect();
        let found: Vec<_> = entries
            .into_iter()
            .map(|entry| (entry.due, entry.subject))
            .collect();
        assert_eq!(found, expected, "limit {limit}");
    }
}

/// In pages too: none is lost between two.
pub async fn entries_of_one_time_are_all_there(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for number in 0..5 {
        enqueue(stores, &repository, &number.to_string(), 1).await;
    }
    let first = due(stores, None, 3).await;
    let rest = due(stores, Some(&first[2].key), 3).await;
    assert_eq!((first.len(), rest.len()), (3, 2));
    let mut found: Vec<_> = [first, rest]
        .concat()
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    found.dedup();
    assert_eq!(found.len(), 5);
}

/// About the same subject, under a new key.
pub async fn a_postponed_entry_is_due_at_its_new_time_only(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    enqueue(stores, &repository, "layer", 1).await;
    enqueue(stores, &repository, "layer", 2).await;
    let before = due(stores, None, 10).await;
    let later = stores.now() + Duration::from_secs(5);
    stores.gc.postpone(&before[0], later).await.unwrap();
    let after = due(stores, None, 10).await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[1]);
    assert_eq!(
        (after[1].due, &after[1].subject),
        (later, &before[0].subject)
    );
    assert_ne!(after[1].key, before[0].key);
}

/// Two sweeps may postpone one entry: what is in the queue too often is looked
/// at too often, no more.
pub async fn a_postponed_entry_that_is_gone_is_put_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    enqueue(stores, &repository, "layer", 1).await;
    let entry = due(stores, None, 10).await.remove(0);
    stores
        .gc
        .decided(std::slice::from_ref(&entry.key))
        .await
        .unwrap();
    stores.gc.postpone(&entry, stores.now()).await.unwrap();
    let after = due(stores, None, 10).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].subject, entry.subject);
}

/// Those of the same time and subject too.
pub async fn decided_entries_are_gone_and_the_others_stay(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for name in ["one", "one", "two", "one", "three"] {
        enqueue(stores, &repository, name, 1).await;
    }
    let mut entries = due(stores, None, 10).await;
    let gone = [entries.remove(3).key, entries.remove(0).key];
    stores.gc.decided(&gone).await.unwrap();
    assert_eq!(due(stores, None, 10).await, entries);
}

/// Two sweeps may decide about one entry.
pub async fn deciding_entries_that_are_not_there_is_no_error(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    enqueue(stores, &repository, "one", 1).await;
    enqueue(stores, &repository, "two", 2).await;
    let entries = due(stores, None, 10).await;
    for _ in 0..2 {
        let key = entries[0].key.clone();
        stores.gc.decided(&[key.clone(), key]).await.unwrap();
        assert_eq!(due(stores, None, 10).await, entries[1..]);
    }
    stores.gc.decided(&[]).await.unwrap();
    assert_eq!(due(stores, None, 10).await, entries[1..]);
}

/// A sweep's whole page.
pub async fn up_to_1000_entries_are_decided_at_once(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    for number in 0..1001 {
        enqueue(stores, &repository, &number.to_string(), 1).await;
    }
    let entries = due(stores, None, 1000).await;
    assert_eq!(entries.len(), 1000);
    let keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
    stores.gc.decided(&keys).await.unwrap();
    assert_eq!(due(stores, None, 10).await.len(), 1);
}
