//! Behaviours of [`LinkStore`](berth_ports::LinkStore): how blobs go.

use berth_domain::{Blob, LinkToken};
use berth_oci::RepositoryName;
use berth_ports::GcSubject;

use super::fixtures::{digest, fresh, race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `LinkStore` about deleted blobs.
    blob_life_suite in blob_life {
        a_deleted_blob_is_gone_and_others_stay,
        the_object_of_a_deleted_blob_is_in_the_gc_queue,
        a_blob_that_is_not_there_cannot_be_deleted,
        a_blob_that_was_linked_since_it_was_read_cannot_be_deleted,
        a_blob_with_another_key_cannot_be_deleted,
        one_of_many_deletions_of_a_blob_wins,
        a_deleted_blob_can_be_made_again,
    }
}

/// A blob that has lost its only link.
async fn make_unlinked(stores: &Stores, repository: &RepositoryName, name: &str) -> Blob {
    let link = stores.make_link(repository, digest(name)).await;
    let (links, token) = (&stores.links, fresh::<LinkToken>());
    links
        .condemn_link(repository, link.digest, link.id, token)
        .await
        .unwrap();
    links
        .delete_link(repository, link.digest, token, stores.now())
        .await
        .unwrap();
    blob(stores, name).await.unwrap()
}

async fn blob(stores: &Stores, name: &str) -> Option<Blob> {
    stores.links.blob(digest(name)).await.unwrap()
}

/// Whether its object is in the queue, due now.
async fn has_entry(stores: &Stores, blob: &Blob) -> bool {
    let due = stores.gc.due(stores.now(), None, 100).await.unwrap();
    due.iter()
        .any(|entry| entry.subject == GcSubject::Object(blob.key) && entry.due == stores.now())
}

/// Whatever happens to one.
pub async fn a_deleted_blob_is_gone_and_others_stay(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let gone = make_unlinked(stores, &repository, "layer").await;
    let kept = make_unlinked(stores, &repository, "other").await;
    stores.links.delete_blob(&gone, stores.now()).await.unwrap();
    assert_eq!(blob(stores, "layer").await, None);
    assert_eq!(blob(stores, "other").await, Some(kept));
}

/// Due as asked.
pub async fn the_object_of_a_deleted_blob_is_in_the_gc_queue(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let gone = make_unlinked(stores, &repository, "layer").await;
    assert!(!has_entry(stores, &gone).await);
    let now = stores.later();
    stores.links.delete_blob(&gone, now).await.unwrap();
    assert!(has_entry(stores, &gone).await);
}

/// The second of two deletions says so, and puts nothing into the GC queue.
pub async fn a_blob_that_is_not_there_cannot_be_deleted(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let gone = make_unlinked(stores, &repository, "layer").await;
    let now = stores.now();
    stores.links.delete_blob(&gone, now).await.unwrap();
    let before = stores.gc.due(now, None, 100).await.unwrap();
    assert_fails!(stores.links.delete_blob(&gone, now).await, Conflict);
    assert_eq!(stores.gc.due(now, None, 100).await.unwrap(), before);
}

/// The new link raised its generation.
pub async fn a_blob_that_was_linked_since_it_was_read_cannot_be_deleted(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let read = make_unlinked(stores, &repository, "layer").await;
    let other = stores.make_repository("a/c").await;
    let link = stores.make_link(&other, read.digest).await;
    let now = stores.now();
    assert_fails!(stores.links.delete_blob(&read, now).await, Conflict);
    assert_eq!(link.key, read.key);
    let raised = read.generation + 1;
    let kept = blob(stores, "layer").await.unwrap();
    assert_eq!((kept.key, kept.generation), (read.key, raised));
    assert!(!has_entry(stores, &read).await);
}

/// It is another life of the blob.
pub async fn a_blob_with_another_key_cannot_be_deleted(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let blob = make_unlinked(stores, &repository, "layer").await;
    let other = Blob {
        key: fresh(),
        ..blob.clone()
    };
    let now = stores.now();
    assert_fails!(stores.links.delete_blob(&other, now).await, Conflict);
    assert_eq!(self::blob(stores, "layer").await, Some(blob));
}

/// Its object is put into the queue once.
pub async fn one_of_many_deletions_of_a_blob_wins(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let gone = make_unlinked(stores, &repository, "layer").await;
    let results = race(|_| {
        let (stores, gone) = (stores.clone(), gone.clone());
        async move { stores.links.delete_blob(&gone, stores.now()).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
    let due = stores.gc.due(stores.now(), None, 100).await.unwrap();
    let object = GcSubject::Object(gone.key);
    assert_eq!(due.iter().filter(|e| e.subject == object).count(), 1);
}

/// Under a new key; the old key's entry stays its own.
pub async fn a_deleted_blob_can_be_made_again(stores: &Stores) {
    let repository = stores.make_repository("a/b").await;
    let old = make_unlinked(stores, &repository, "layer").await;
    stores.links.delete_blob(&old, stores.now()).await.unwrap();
    let new = make_unlinked(stores, &repository, "layer").await;
    assert_ne!(new.key, old.key);
    assert!(has_entry(stores, &old).await);
    assert!(!has_entry(stores, &new).await);
}
