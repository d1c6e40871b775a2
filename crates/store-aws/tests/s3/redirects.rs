//! Addresses that clients read blobs at by themselves.

use std::time::Duration;

use berth_ports::{Access, BlobStore, Span};
use berth_store_aws::{S3Blobs, S3Settings};
use bytes::Bytes;

use super::{bytes, key, open, settings};

async fn redirected(settings: S3Settings) -> (String, S3Blobs, Bytes) {
    let store = open(&settings).await;
    let (key, expected) = (key(), bytes(100_000));
    store.put(key, expected.clone()).await.unwrap();
    let span = Span {
        start: 0,
        end: 100_000,
    };
    let address = match store.read(key, 100_000, span).await.unwrap() {
        Access::Redirect(address) => Some(address),
        Access::Stream(_) | Access::File(..) => None,
    };
    (address.unwrap(), store, expected)
}

#[tokio::test]
async fn a_client_reads_at_the_address_without_credentials() {
    let lifetime = Duration::from_mins(10);
    let (address, _store, expected) = redirected(S3Settings {
        redirect: Some(lifetime),
        ..settings()
    })
    .await;
    assert!(address.contains("X-Amz-Expires=600"), "{address}");
    let whole = reqwest::get(&address).await.unwrap();
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.bytes().await.unwrap(), expected);
    let part = reqwest::Client::new()
        .get(&address)
        .header("range", "bytes=10-19")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), expected.slice(10..20));
    let unsigned = address.split('?').next().unwrap();
    assert_eq!(reqwest::get(unsigned).await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_address_has_the_host_that_clients_know() {
    let (address, ..) = redirected(S3Settings {
        redirect: Some(Duration::from_mins(1)),
        public_endpoint: Some("https://blobs.example.test".to_owned()),
        ..settings()
    })
    .await;
    assert!(
        address.starts_with("https://blobs.example.test/berth/"),
        "{address}"
    );
}
