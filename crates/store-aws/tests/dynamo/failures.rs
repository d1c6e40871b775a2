//! What a store makes of DynamoDB's failures.

use std::sync::Arc;

use berth_domain::{
    Begun, Cadence, EndpointKind, FreshId, GcOptions, Nonce, Project, ProjectId, RegistryEndpoint,
    RegistryId, Repository, RepositoryId, RunKind, Schedule, UserId, Version,
};
use berth_oci::Digest;
use berth_ports::{
    ManifestStore, ProjectStore, RegistryStore, RepositoryStore, RunStore, StoreError,
};
use berth_store_aws::{CallCounter, DynamoStore};
use berth_testkit::ManualClock;
use jiff::Timestamp;

use super::faulty::{Fault, FaultyDynamo};
use super::{endpoint, fresh_table, open};

async fn faulty_store() -> (FaultyDynamo, DynamoStore) {
    let faulty = FaultyDynamo::before(&endpoint()).await;
    let store = open(
        &faulty.through(&fresh_table()),
        Arc::new(ManualClock::default()),
    )
    .await;
    store.create_table().await.unwrap();
    (faulty, store)
}

pub(crate) fn project(name: &str) -> Project {
    Project {
        id: ProjectId(7),
        name: name.parse().unwrap(),
        owner: UserId(1),
        registry: None,
        metadata: [].into(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    }
}

pub(crate) fn registry(name: &str) -> RegistryEndpoint {
    RegistryEndpoint {
        id: RegistryId(1),
        name: name.to_owned(),
        description: String::new(),
        kind: EndpointKind::DockerHub,
        url: "https://hub.docker.com".to_owned(),
        credential: None,
        insecure: false,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    }
}

pub(crate) fn schedule() -> Schedule {
    Schedule {
        kind: RunKind::GarbageCollection,
        cadence: Cadence::Daily,
        cron: "0 0 0 * * *".parse().unwrap(),
        options: GcOptions::default(),
        last_at: Timestamp::UNIX_EPOCH,
        created_at: Timestamp::UNIX_EPOCH,
        version: Version(0),
    }
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_done_once() {
    let (faulty, store) = faulty_store().await;
    faulty.next("TransactWriteItems", Fault::AnswerLost);
    store.create_project(&project("a")).await.unwrap();
    assert!(faulty.is_done());
    let found = store.project(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(project("a")));
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_done_once() {
    let (faulty, store) = faulty_store().await;
    store.create_project(&project("a")).await.unwrap();
    faulty.next("UpdateItem", Fault::AnswerLost);
    store.update_project(&project("a")).await.unwrap();
    assert!(faulty.is_done());
    let found = store.project(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(found.unwrap().version, Version(2));
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_done_once() {
    let (faulty, store) = faulty_store().await;
    faulty.next("PutItem", Fault::AnswerLost);
    store.put_schedule(&schedule()).await.unwrap();
    assert!(faulty.is_done());
    let again = store.put_schedule(&schedule()).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_done_once() {
    let (faulty, store) = faulty_store().await;
    store.put_schedule(&schedule()).await.unwrap();
    let delete = || store.delete_schedule(RunKind::GarbageCollection, Version(1));
    faulty.next("TransactWriteItems", Fault::AnswerLost);
    delete().await.unwrap();
    assert!(faulty.is_done());
    let again = delete().await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

#[tokio::test]
async fn another_transaction_at_the_record_is_waited_for() {
    let (faulty, store) = faulty_store().await;
    for _ in 0..3 {
        faulty.next("TransactWriteItems", Fault::Busy);
    }
    store.create_registry(&registry("hub")).await.unwrap();
    for _ in 0..3 {
        faulty.next("UpdateItem", Fault::Busy);
    }
    store.update_registry(&registry("hub")).await.unwrap();
    assert!(faulty.is_done());
    let found = store.registry(RegistryId(1)).await.unwrap();
    assert_eq!(found.unwrap().version, Version(2));
}

#[tokio::test]
async fn a_throttled_or_failed_call_is_tried_again() {
    let (faulty, store) = faulty_store().await;
    for fault in [Fault::Throttled, Fault::Failed] {
        faulty.next("GetItem", fault);
        assert_eq!(store.registry(RegistryId(1)).await.unwrap(), None);
        faulty.next("Query", fault);
        let listed = store.list_registries(None, 10).await.unwrap();
        assert_eq!(listed.items, []);
    }
    assert!(faulty.is_done());
}

#[tokio::test]
async fn a_service_that_goes_on_failing_is_unavailable() {
    let (faulty, store) = faulty_store().await;
    for _ in 0..20 {
        faulty.next("GetItem", Fault::Failed);
    }
    let found = store.registry(RegistryId(1)).await;
    assert!(
        matches!(found, Err(StoreError::Unavailable(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn calls_and_units_are_counted() {
    let counter = Arc::new(CallCounter::default());
    let (_faulty, store) = faulty_store().await;
    let store = store.counted(counter.clone());
    store.create_project(&project("a")).await.unwrap();
    let counted = counter.take();
    let transaction = counted["TransactWriteItems"];
    assert_eq!((transaction.calls, transaction.write_units), (1, 6.0));
    store.project(&"a".parse().unwrap()).await.unwrap();
    let counted = counter.take();
    let get = counted["GetItem"];
    assert_eq!((counted.len(), get.calls, get.read_units), (1, 1, 1.0));
}

fn repository() -> Repository {
    Repository {
        id: RepositoryId(1),
        name: "a/b".parse().unwrap(),
        project: project("a").id,
        description: String::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: Version(1),
    }
}

#[tokio::test]
async fn a_deletion_of_a_repository_that_failed_half_way_leaves_it_as_it_was() {
    let (faulty, store) = faulty_store().await;
    store.create_project(&project("a")).await.unwrap();
    store.create_repository(&repository()).await.unwrap();
    let name = repository().name;
    for _ in 0..5 {
        faulty.next("Query", Fault::Failed);
    }
    let deleted = store.delete_repository(&name, Version(1)).await;
    assert!(
        matches!(deleted, Err(StoreError::Unavailable(_))),
        "{deleted:?}"
    );
    assert!(faulty.is_done());
    let found = store.repository(&name).await.unwrap();
    assert_eq!(found, Some(repository()));
    store.delete_repository(&name, Version(1)).await.unwrap();
}

/// Does something while a deletion has marked the repository and found no
/// manifest, and is about to delete the record.
fn before_the_record_goes(faulty: &FaultyDynamo, work: impl Future<Output = ()> + Send + 'static) {
    let of_the_mark = async {};
    faulty.before_next("TransactWriteItems", of_the_mark);
    faulty.before_next("TransactWriteItems", work);
}

/// Begins a push, which finds the repository.
async fn push(pusher: &DynamoStore) {
    let name = repository().name;
    let digest = Digest::sha256(b"manifest");
    let nonce = Nonce::from(FreshId(1));
    let begun = pusher.begin_manifest(&name, digest, nonce, Timestamp::UNIX_EPOCH);
    assert!(matches!(begun.await.unwrap(), Begun::Started));
    let found = pusher.repository(&name).await.unwrap();
    assert_eq!(found, Some(repository()));
}

/// The push has seen the repository: it must not be gone when its manifest
/// becomes visible.
#[tokio::test]
async fn a_push_during_the_deletion_of_its_repository_is_seen() {
    let (faulty, store) = faulty_store().await;
    store.create_project(&project("a")).await.unwrap();
    store.create_repository(&repository()).await.unwrap();
    let name = repository().name;
    let pusher = store.clone();
    before_the_record_goes(&faulty, async move { push(&pusher).await });
    let deleted = store.delete_repository(&name, Version(1)).await;
    assert!(matches!(deleted, Err(StoreError::InUse(_))), "{deleted:?}");
    assert!(faulty.is_done());
    let found = store.repository(&name).await.unwrap();
    assert_eq!(found, Some(repository()));
}

#[tokio::test]
async fn a_mark_that_was_made_again_after_a_push_has_taken_it_deletes_nothing() {
    let (faulty, store) = faulty_store().await;
    store.create_project(&project("a")).await.unwrap();
    store.create_repository(&repository()).await.unwrap();
    let name = repository().name;
    let pusher = store.clone();
    // The mark is executed again once the push has taken it.
    let mark = faulty.duplicate_next("TransactWriteItems");
    faulty.before_next("TransactWriteItems", async move {
        push(&pusher).await;
        mark.arrive().await;
    });
    let deleted = store.delete_repository(&name, Version(1)).await;
    assert!(matches!(deleted, Err(StoreError::InUse(_))), "{deleted:?}");
    assert!(faulty.is_done());
    let found = store.repository(&name).await.unwrap();
    assert_eq!(found, Some(repository()));
}

#[tokio::test]
async fn a_deletion_that_a_look_has_called_off_looks_again() {
    let (faulty, store) = faulty_store().await;
    store.create_project(&project("a")).await.unwrap();
    store.create_repository(&repository()).await.unwrap();
    let name = repository().name;
    let (reader, read) = (store.clone(), name.clone());
    before_the_record_goes(&faulty, async move {
        let created = reader.create_repository(&repository()).await;
        assert!(
            matches!(created, Err(StoreError::AlreadyExists(_))),
            "{created:?}"
        );
        assert_eq!(reader.repository(&read).await.unwrap(), Some(repository()));
    });
    store.delete_repository(&name, Version(1)).await.unwrap();
    assert!(faulty.is_done());
    assert_eq!(store.repository(&name).await.unwrap(), None);
    let a = "a".parse().unwrap();
    store.delete_project(&a, Version(1)).await.unwrap();
}
