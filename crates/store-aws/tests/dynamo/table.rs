//! The table itself.

use std::env;
use std::process::Command;
use std::sync::Arc;

use berth_store_aws::{DynamoSettings, TableError};
use berth_testkit::ManualClock;
use futures_util::future::join_all;

use super::{endpoint, fresh_table, open};

#[tokio::test]
async fn a_missing_table_is_told() {
    let store = open(&fresh_table(), Arc::new(ManualClock::default())).await;
    let checked = store.check_table().await;
    assert!(
        matches!(checked, Err(TableError::Missing(_))),
        "{checked:?}"
    );
}

#[tokio::test]
async fn any_number_of_instances_may_make_the_table_at_once() {
    let table = fresh_table();
    let makers = (0..8).map(|_| async {
        let store = open(&table, Arc::new(ManualClock::default())).await;
        store.create_table().await
    });
    for made in join_all(makers).await {
        made.unwrap();
    }
    let store = open(&table, Arc::new(ManualClock::default())).await;
    store.check_table().await.unwrap();
}

#[tokio::test]
async fn without_an_address_of_its_own_the_table_is_at_that_of_the_environment() {
    const ADDRESS: &str = "AWS_ENDPOINT_URL";
    if env::var_os(ADDRESS).is_none() {
        // Only another process can have another environment.
        let again = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "table::without_an_address_of_its_own_the_table_is_at_that_of_the_environment",
            ])
            .env(ADDRESS, endpoint())
            .status();
        assert!(again.unwrap().success());
        return;
    }
    let table = DynamoSettings {
        endpoint: None,
        ..fresh_table()
    };
    let store = open(&table, Arc::new(ManualClock::default())).await;
    store.create_table().await.unwrap();
}
