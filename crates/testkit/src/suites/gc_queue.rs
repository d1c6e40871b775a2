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
