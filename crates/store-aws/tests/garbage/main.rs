//! The histories of `jobs/tests/garbage` over `DynamoDB`: whatever happens, what
//! is needed stays and the rest goes. Objects and jobs are in memory.
//!
//! Each history has a table of its own, in the `DynamoDB` that
//! `BERTH_TEST_DYNAMODB` has the address of.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

use std::sync::Arc;

use berth_domain::Secret;
use berth_host::RandomIds;
use berth_ports::Ids as _;
use berth_store_aws::{Aws, AwsCredentials, AwsSettings, DynamoSettings, DynamoStore};
use berth_testkit::{ManualClock, MemoryStore};

use histories::{REPOSITORIES, history, seeds};
use registry::World;

#[path = "../../../jobs/tests/garbage/histories.rs"]
mod histories;
#[path = "../../../jobs/tests/garbage/left.rs"]
mod left;
#[path = "../../../jobs/tests/garbage/registry.rs"]
mod registry;

async fn world() -> World {
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: "berth".to_owned(),
            secret_access_key: Secret::new("berth-secret"),
            session_token: None,
        }),
    };
    let endpoint = std::env::var("BERTH_TEST_DYNAMODB")
        .expect("no DynamoDB to test with: run `cargo xtask aws test`");
    let table = DynamoSettings {
        table: format!("berth-{:032x}", RandomIds.fresh().0),
        endpoint: Some(endpoint),
    };
    let clock = Arc::new(ManualClock::default());
    let aws = Aws::load(&settings).await;
    let store = DynamoStore::open(&aws, &table, clock.clone(), Arc::new(RandomIds));
    store.create_table().await.unwrap();
    let queue = Arc::new(MemoryStore::new(clock.clone()));
    World::over(Arc::new(store), queue, clock, Box::new(())).await
}

#[tokio::test]
async fn whatever_happens_over_dynamodb_what_is_needed_stays_and_the_rest_goes() {
    for seed in seeds(4) {
        history(&world().await, seed).await;
    }
}
