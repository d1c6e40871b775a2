//! Blobs that clients put into the bucket themselves.

use std::time::Duration;

use berth_oci::Digest;
use berth_ports::{Attested, BlobStore, Finding, Staging, StoreError};
use berth_store_aws::{Found, S3Blobs, S3Settings};
use bytes::Bytes;

use super::{MIB, append, assert_has, bytes, client, finish, key, open, settings, unbegun};

fn open_to_clients() -> S3Settings {
    S3Settings {
        uploads: Some(Duration::from_mins(1)),
        ..settings()
    }
}

/// As `check-store` would, had it found that uploads work.
async fn prove(store: &S3Blobs, front: Option<&str>) {
    let found = Found {
        at: jiff::Timestamp::UNIX_EPOCH,
        version: "test".to_owned(),
        endpoint: settings().endpoint,
        upload_endpoint: front.map(str::to_owned),
        findings: vec![Finding::ok("S3: redirected uploads")],
    };
    let kept = found.keep(store).await;
    assert!(kept.note.is_none(), "{kept:?}");
}

async fn put(address: &str, bytes: &Bytes) -> u16 {
    let client = reqwest::Client::new();
    let sent = client.put(address).body(bytes.clone()).send().await;
    sent.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_a_client_put_there_is_adopted_with_the_digest_that_s3_computes() {
    let settings = open_to_clients();
    let store = open(&settings).await;
    prove(&store, None).await;
    let (key, object, content) = (key(), key(), bytes(MIB));
    let said = Digest::sha256(b"something else");
    let address = store.offer(key, said, MIB as u64).await.unwrap().unwrap();
    assert_eq!(store.staged(key, said).await.unwrap(), None);
    let early = store.adopt(key, said, object).await;
    assert!(matches!(early, Err(StoreError::NotFound(_))), "{early:?}");
    assert_eq!(put(&address, &content).await, 200);
    assert_eq!(store.staged(key, said).await.unwrap(), Some(MIB as u64));
    let expected = Attested {
        size: MIB as u64,
        digest: Digest::sha256(&content),
    };
    assert_eq!(store.adopt(key, said, object).await.unwrap(), expected);
    assert_has(&store, object, &content).await;
    store.delete(&[key]).await.unwrap();
    assert_eq!(store.staged(key, said).await.unwrap(), None);
    assert_has(&store, object, &content).await;
}

#[tokio::test]
async fn what_a_client_says_of_its_bytes_does_not_become_the_blobs() {
    let settings = open_to_clients();
    let store = open(&settings).await;
    prove(&store, None).await;
    let (key, object, content) = (key(), key(), bytes(MIB));
    let digest = Digest::sha256(&content);
    let address = store.offer(key, digest, MIB as u64).await.unwrap().unwrap();
    let sent = reqwest::Client::new()
        .put(&address)
        .header("content-encoding", "gzip")
        .header("content-type", "text/html")
        .header("content-disposition", "inline")
        .header("cache-control", "no-store")
        .body(content.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    store.adopt(key, digest, object).await.unwrap();
    let head = client(&settings)
        .head_object()
        .bucket("berth")
        .key(format!("{}blobs/{object}", settings.prefix))
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("application/octet-stream"));
    let others = [
        head.content_encoding(),
        head.content_disposition(),
        head.cache_control(),
    ];
    assert_eq!(others, [None; 3]);
}

#[tokio::test]
async fn an_address_takes_the_length_that_was_asked_for_and_nothing_unsigned() {
    let store = open(&open_to_clients()).await;
    prove(&store, None).await;
    let (key, content) = (key(), bytes(MIB));
    let digest = Digest::sha256(&content);
    let address = store.offer(key, digest, MIB as u64).await.unwrap().unwrap();
    assert_eq!(put(&address, &content.slice(1..)).await, 403);
    let unsigned = address.split('?').next().unwrap();
    assert_eq!(put(unsigned, &content).await, 403);
    assert_eq!(store.staged(key, digest).await.unwrap(), None);
}

#[tokio::test]
async fn nobody_is_sent_where_uploads_were_not_found_to_work() {
    let digest = Digest::sha256(b"");
    let unknown = open(&open_to_clients()).await;
    assert_eq!(unknown.offer(key(), digest, 1).await.unwrap(), None);
    let front = S3Settings {
        upload_endpoint: Some("https://front.test".to_owned()),
        ..open_to_clients()
    };
    let other = open(&front).await;
    prove(&other, None).await;
    assert_eq!(other.offer(key(), digest, 1).await.unwrap(), None);
    let proven = open(&front).await;
    prove(&proven, Some("https://front.test")).await;
    let address = proven.offer(key(), digest, 1).await.unwrap().unwrap();
    assert!(
        address.starts_with("https://front.test/berth/"),
        "{address}"
    );
    let closed = open(&settings()).await;
    prove(&closed, None).await;
    assert!(!closed.is_open());
    assert_eq!(closed.offer(key(), digest, 1).await.unwrap(), None);
}

#[tokio::test]
async fn more_than_s3_copies_at_once_is_not_offered_nor_another_algorithm() {
    let store = open(&open_to_clients()).await;
    prove(&store, None).await;
    let digest = Digest::sha256(b"");
    let too_long = 5 * 1024 * MIB as u64 + 1;
    assert_eq!(store.offer(key(), digest, too_long).await.unwrap(), None);
    let sha512 = Digest::of(berth_oci::Algorithm::Sha512, b"");
    assert_eq!(store.offer(key(), sha512, 1).await.unwrap(), None);
}

#[tokio::test]
async fn s3_says_what_an_object_hashes_to_and_leaves_nothing_behind() {
    let settings = settings();
    let store = open(&settings).await;
    let large = bytes(12 * MIB);
    let (small_key, large_key) = (key(), key());
    store.put(small_key, bytes(1000)).await.unwrap();
    let mut writer = store.write(large_key, unbegun()).await.unwrap();
    append(&mut writer, &large).await;
    finish(writer, &large).await;
    for (key, content) in [(small_key, bytes(1000)), (large_key, large)] {
        let attested = store.attest(key).await.unwrap().unwrap();
        assert_eq!(attested.size, content.len() as u64);
        assert_eq!(attested.digest, Digest::sha256(&content));
    }
    let missing = store.attest(key()).await;
    assert!(
        matches!(missing, Err(StoreError::NotFound(_))),
        "{missing:?}"
    );
    let aside = client(&settings)
        .list_objects_v2()
        .bucket("berth")
        .prefix(format!("{}staging/", settings.prefix))
        .send()
        .await
        .unwrap();
    assert!(aside.contents().is_empty());
}
