//! The metadata ports over DynamoDB: their contracts, and what they make of
//! its failures.
//!
//! Each test has a table of its own, in the DynamoDB that
//! `BERTH_TEST_DYNAMODB` has the address of.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

use std::sync::Arc;

use berth_domain::Secret;
use berth_host::RandomIds;
use berth_ports::Ids;
use berth_store_aws::{Aws, AwsCredentials, AwsSettings, DynamoSettings, DynamoStore};
use berth_testkit::ManualClock;

mod content_costs;
mod contents;
mod contracts;
mod costs;
mod failures;
mod faulty;
mod leases;
mod table;

/// The address of the DynamoDB to test with.
fn endpoint() -> String {
    std::env::var("BERTH_TEST_DYNAMODB")
        .expect("no DynamoDB to test with: run `cargo xtask aws test`")
}

/// A table of a name that no other test has.
fn fresh_table() -> DynamoSettings {
    DynamoSettings {
        table: format!("berth-{:032x}", RandomIds.fresh().0),
        endpoint: Some(endpoint()),
    }
}

async fn open(table: &DynamoSettings, clock: Arc<ManualClock>) -> DynamoStore {
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: "berth".to_owned(),
            secret_access_key: Secret::new("berth-secret"),
            session_token: None,
        }),
    };
    let aws = Aws::load(&settings).await;
    DynamoStore::open(&aws, table, clock, Arc::new(RandomIds))
}

/// A store on a fresh table.
async fn fresh_store(clock: Arc<ManualClock>) -> DynamoStore {
    let store = open(&fresh_table(), clock).await;
    store.create_table().await.unwrap();
    store
}
