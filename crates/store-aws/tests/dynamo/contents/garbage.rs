//! What is deleted as garbage, and what is in its queue, while others change
//! what it is about.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use berth_ports::{
    BeginDelete, Clock, GcQueue, GcSubject, LinkStore, ManifestStore, StoreError, TagStore,
};
use berth_store_aws::DynamoSettings;
use berth_testkit::ManualClock;

use super::super::{endpoint, fresh_table, open};
use super::{Faulty, fresh, layer, repository};

/// Who decided about it has seen the transition half at most.
#[tokio::test]
async fn an_entry_that_was_decided_about_while_it_was_held_is_there_again_when_it_is_let_go() {
    let faulty = Faulty::new().await;
    let (sweeper, later) = (faulty.store.clone(), Duration::from_mins(5));
    let now = faulty.clock.now() + later;
    // The entry has been put, the back-edge is about to be.
    faulty.dynamo.before_next("PutItem", async {});
    faulty.dynamo.before_next("PutItem", async move {
        let due = sweeper.due(now, None, 10).await.unwrap();
        let keys: Vec<_> = due.into_iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), 1);
        sweeper.decided(&keys).await.unwrap();
    });
    faulty.prepare().await;
    assert!(faulty.dynamo.is_done());
    assert_eq!(faulty.due().await, [GcSubject::Link(repository(), layer())]);
}

/// A collector that has looked at its tags before must not delete it.
#[tokio::test]
async fn a_manifest_that_was_tagged_since_a_look_is_not_deleted() {
    let faulty = Faulty::new().await;
    let manifest = faulty.push("latest").await;
    faulty.clock.advance(Duration::from_secs(1));
    let deletion = BeginDelete {
        untouched_since: Some(faulty.clock.now()),
        due: faulty.clock.now(),
    };
    faulty.clock.advance(Duration::from_secs(1));
    let (store, now) = (&faulty.store, faulty.clock.now());
    let tag = ["stable".parse().unwrap()];
    store.put_tags(&manifest, &tag, now).await.unwrap();
    let (digest, nonce) = (manifest.digest, manifest.nonce);
    let deleted = store
        .begin_delete(&repository(), digest, nonce, &deletion)
        .await;
    assert!(
        matches!(deleted, Err(StoreError::Conflict(_))),
        "{deleted:?}"
    );
}

/// Makes an entry of the queue of a kind that is not known yet.
async fn make_newer(table: &DynamoSettings, key: &str) {
    let credentials = Credentials::new("berth", "berth-secret", None, None, "test");
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint());
    let shard = u8::from_str_radix(&key[key.len() - 1..], 16).unwrap();
    Client::from_conf(config.build())
        .update_item()
        .table_name(&table.table)
        .key("pk", AttributeValue::S(format!("Z#gc#{shard}")))
        .key("sk", AttributeValue::S(key.to_owned()))
        .update_expression("SET kind = :kind")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":kind", AttributeValue::S("newer".to_owned()))
        .send()
        .await
        .unwrap();
}

/// It waits for a version that can read it, and holds up no other.
#[tokio::test]
async fn an_entry_of_a_newer_kind_is_passed_over() {
    let (table, clock) = (fresh_table(), Arc::new(ManualClock::default()));
    let store = open(&table, clock.clone()).await;
    store.create_table().await.unwrap();
    let (repository, now) = (repository(), clock.now());
    let prepare = || store.prepare_link(&repository, layer(), fresh(), now);
    prepare().await.unwrap();
    let first = store.due(now, None, 10).await.unwrap();
    make_newer(&table, &first[0].key).await;
    assert_eq!(store.due(now, None, 10).await.unwrap(), []);
    prepare().await.unwrap();
    let due = store.due(now, None, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].subject, GcSubject::Link(repository.clone(), layer()));
}
