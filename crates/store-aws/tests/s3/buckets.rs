//! Buckets that are there, are made, or are missing.

use std::env;
use std::process::Command;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use berth_ports::{BlobStore, StoreError};
use berth_store_aws::{S3Blobs, S3Settings};

use super::faulty::FaultyS3;
use super::{aws, client, key, open, settings};

/// A bucket that is not there.
fn nowhere() -> S3Settings {
    let settings = settings();
    S3Settings {
        bucket: format!("berth-{}", settings.prefix.trim_end_matches('/')),
        ..settings
    }
}

/// The names of a bucket's rules and the folders that they are for.
async fn rules(client: &Client, bucket: &str) -> Vec<(String, String)> {
    let call = client.get_bucket_lifecycle_configuration().bucket(bucket);
    let rules = call.send().await.unwrap().rules.unwrap();
    let named = |rule: LifecycleRule| Some((rule.id?, rule.filter?.prefix?));
    rules.into_iter().map(|rule| named(rule).unwrap()).collect()
}

#[tokio::test]
async fn the_rules_of_a_bucket_that_is_made_are_for_the_stores_own_folders() {
    let settings = nowhere();
    open(&settings).await;
    for (name, folder) in rules(&client(&settings), &settings.bucket).await {
        let below = folder.strip_prefix(&settings.prefix);
        assert!(
            matches!(below, Some("blobs/" | "jobs/" | "staging/")),
            "{folder}"
        );
        assert!(name.contains(&settings.prefix), "{name}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_there_keeps_its_rules() {
    let settings = FaultyS3::before(&nowhere()).await.settings;
    let (client, bucket) = (client(&settings), &settings.bucket);
    client.create_bucket().bucket(bucket).send().await.unwrap();
    let rule = LifecycleRule::builder()
        .id("somebody's")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("logs/").build())
        .expiration(LifecycleExpiration::builder().days(3).build());
    let theirs = BucketLifecycleConfiguration::builder().rules(rule.build().unwrap());
    let call = client.put_bucket_lifecycle_configuration().bucket(bucket);
    let call = call.lifecycle_configuration(theirs.build().unwrap());
    call.send().await.unwrap();
    open(&settings).await;
    let expected = ("somebody's".to_owned(), "logs/".to_owned());
    assert_eq!(rules(&client, bucket).await, [expected]);
}

#[tokio::test]
async fn an_object_of_a_bucket_that_is_missing_has_no_size_not_even_none() {
    let store = S3Blobs::open(&aws().await, &nowhere());
    let size = store.size(key()).await;
    assert!(matches!(size, Err(StoreError::Unavailable(_))), "{size:?}");
}

#[tokio::test]
async fn without_an_address_of_its_own_the_bucket_is_at_that_of_the_environment() {
    const ADDRESS: &str = "AWS_ENDPOINT_URL";
    let settings = settings();
    if env::var_os(ADDRESS).is_none() {
        // Only another process can have another environment.
        let name =
            "buckets::without_an_address_of_its_own_the_bucket_is_at_that_of_the_environment";
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", name])
            .env(ADDRESS, settings.endpoint.unwrap())
            .status();
        assert!(again.unwrap().success());
        return;
    }
    let settings = S3Settings {
        endpoint: None,
        ..settings
    };
    let size = open(&settings).await.size(key()).await;
    assert_eq!(size.unwrap(), None);
}
