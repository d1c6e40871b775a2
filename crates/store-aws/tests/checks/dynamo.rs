//! `DynamoDB`.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Config, Credentials, Region};
use aws_sdk_dynamodb::types::Select;
use berth_host::{RandomIds, SystemClock};
use berth_ports::{Finding, Verdict};
use berth_store_aws::{DynamoSettings, DynamoStore};

use super::lax_dynamo::{Laxity, lax};
use super::{LOGIN, REGION, assert_noted, assert_only, aws, ended, endpoint, fresh_name};

fn table() -> DynamoSettings {
    DynamoSettings {
        table: format!("berth-{}", fresh_name()),
        endpoint: Some(endpoint("BERTH_TEST_DYNAMODB")),
    }
}

async fn open(table: &DynamoSettings) -> DynamoStore {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
    DynamoStore::open(&aws().await, table, clock, ids)
}

/// What is found of a DynamoDB that is lax in this way.
async fn check(laxity: Laxity) -> Vec<Finding> {
    let table = table();
    open(&table).await.create_table().await.unwrap();
    let findings = open(&lax(&table, laxity).await).await.check().await;
    assert_eq!(records(&table).await, 0);
    findings
}

/// How many records there are.
async fn records(table: &DynamoSettings) -> i32 {
    let credentials = Credentials::new(LOGIN.0, LOGIN.1, None, None, "test");
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(REGION))
        .endpoint_url(table.endpoint.as_ref().unwrap())
        .credentials_provider(credentials)
        .build();
    let scan = Client::from_conf(config).scan().table_name(&table.table);
    scan.select(Select::Count).send().await.unwrap().count()
}

#[tokio::test]
async fn a_complete_store_does_all_that_is_probed_and_keeps_nothing_of_it() {
    let table = table();
    let store = open(&table).await;
    store.create_table().await.unwrap();
    let findings = store.check().await;
    assert_eq!(
        ended(&findings, Verdict::Ok).len(),
        findings.len(),
        "{findings:#?}"
    );
    assert_eq!(records(&table).await, 0);
}

#[tokio::test]
async fn a_table_that_is_missing_is_named_and_nothing_else_is_probed() {
    let table = table();
    let findings = open(&table).await.check().await;
    let says = format!("the table {} does not exist", table.table);
    assert_only(&findings, "DynamoDB: table", &says);
    let skipped = ended(&findings, Verdict::Skipped).len();
    assert_eq!(skipped, findings.len() - 1);
}

#[tokio::test]
async fn a_condition_that_is_ignored_is_found() {
    let findings = check(Laxity::IgnoresConditions).await;
    assert_only(&findings, "DynamoDB: conditional writes", "are ignored");
}

#[tokio::test]
async fn a_refusal_without_the_record_is_found() {
    let findings = check(Laxity::HidesRecords).await;
    let says = "does not give the record";
    assert_only(&findings, "DynamoDB: conditional writes", says);
}

#[tokio::test]
async fn a_condition_of_a_transaction_that_is_ignored_is_found() {
    let findings = check(Laxity::IgnoresConditionsOfTransactions).await;
    assert_only(&findings, "DynamoDB: transactions", "are ignored");
}

#[tokio::test]
async fn half_of_a_transaction_is_found() {
    let findings = check(Laxity::DoesHalf).await;
    assert_only(&findings, "DynamoDB: transactions", "half of a transaction");
}

#[tokio::test]
async fn a_transaction_that_is_done_twice_is_found() {
    let findings = check(Laxity::ForgetsTokens).await;
    assert_only(&findings, "DynamoDB: repeated transactions", "done again");
}

#[tokio::test]
async fn a_read_of_an_older_state_is_found() {
    let findings = check(Laxity::IsStale).await;
    let says = "an older record";
    assert_noted(&findings, "DynamoDB: strong reads", Verdict::Fails, says);
}

/// It is a resource of its own in policies.
#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let findings = check(Laxity::DeniesIndex).await;
    let says = "access denied, these credentials need dynamodb:Query";
    assert_only(&findings, "DynamoDB: index", says);
}
