//! The contract of the blob store over S3, and what S3 alone has.
//!
//! Each test has a folder of its own in a bucket of the S3 that
//! `BERTH_TEST_S3` has the address of.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Config, Credentials, Region};
use berth_domain::{ObjectKey, Secret, WriteState};
use berth_host::RandomIds;
use berth_oci::{Algorithm, Digest, Hasher};
use berth_ports::{BlobStore, BlobWriter, Finished, Ids, Span};
use berth_store_aws::{Aws, AwsCredentials, AwsSettings, S3Blobs, S3Settings};
use berth_testkit::Blobs;
use berth_testkit::image::seeded_bytes;
use bytes::Bytes;

mod buckets;
mod checkpoints;
mod faults;
mod faulty;
mod instances;
mod redirects;
mod staging;
mod writes;

const MIB: usize = 1024 * 1024;

async fn aws() -> Aws {
    Aws::load(&AwsSettings {
        region: Some("us-east-1".to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: "berth".to_owned(),
            secret_access_key: Secret::new("berth-secret"),
            session_token: None,
        }),
    })
    .await
}

fn settings() -> S3Settings {
    let endpoint =
        std::env::var("BERTH_TEST_S3").expect("no S3 to test with: run `cargo xtask aws test`");
    S3Settings {
        bucket: "berth".to_owned(),
        prefix: format!("{:032x}/", RandomIds.fresh().0),
        endpoint: Some(endpoint),
        path_style: true,
        redirect: None,
        public_endpoint: None,
        uploads: None,
        upload_endpoint: None,
    }
}

async fn open(settings: &S3Settings) -> S3Blobs {
    let store = S3Blobs::open(&aws().await, settings);
    store.create_bucket().await.unwrap();
    store
}

async fn blobs() -> Blobs {
    Blobs::of(open(&settings()).await)
}

berth_testkit::blob_suites!(blobs());

fn key() -> ObjectKey {
    RandomIds.fresh().into()
}

fn bytes(length: usize) -> Bytes {
    seeded_bytes(5, 0..length as u64)
}

/// What another instance knows of a paused write.
fn stored(state: &WriteState) -> WriteState {
    WriteState {
        offset: state.offset,
        hash: Hasher::restore(&state.hash.save()).unwrap(),
        progress: state.progress.clone(),
    }
}

async fn append(writer: &mut Box<dyn BlobWriter>, bytes: &Bytes) {
    for piece in bytes.chunks(MIB) {
        writer.append(bytes.slice_ref(piece)).await.unwrap();
    }
}

async fn begin(store: &S3Blobs, key: ObjectKey, bytes: &Bytes) -> WriteState {
    let writer = go_on(store, key, unbegun(), bytes).await;
    writer.pause().await.unwrap()
}

async fn go_on(
    store: &S3Blobs,
    key: ObjectKey,
    state: WriteState,
    bytes: &Bytes,
) -> Box<dyn BlobWriter> {
    let mut writer = store.write(key, state).await.unwrap();
    append(&mut writer, bytes).await;
    writer
}

async fn two_instances() -> (S3Blobs, S3Blobs) {
    let settings = settings();
    (open(&settings).await, open(&settings).await)
}

async fn assert_has(store: &S3Blobs, key: ObjectKey, expected: &Bytes) {
    let size = expected.len() as u64;
    assert_eq!(store.size(key).await.unwrap(), Some(size));
    let mut stream = store
        .stream(
            key,
            size,
            Span {
                start: 0,
                end: size,
            },
        )
        .await
        .unwrap();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    while let Some(bytes) = futures_util::StreamExt::next(&mut stream).await {
        hasher.update(&bytes.unwrap());
    }
    assert_eq!(hasher.finish(), Digest::sha256(expected));
}

/// A client that sees what there is on S3 itself.
fn client(settings: &S3Settings) -> Client {
    let credentials = Credentials::new("berth", "berth-secret", None, None, "test");
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .endpoint_url(settings.endpoint.as_ref().unwrap())
        .force_path_style(true)
        .credentials_provider(credentials)
        .build();
    Client::from_conf(config)
}

/// What there is on S3 beside finished objects' bytes: objects, and uploads.
struct Left {
    objects: Vec<String>,
    uploads: usize,
}

async fn left(settings: &S3Settings, key: ObjectKey) -> Left {
    let client = client(settings);
    let prefix = format!("{}blobs/{key}", settings.prefix);
    let objects = client.list_objects_v2().bucket("berth").prefix(&prefix);
    let uploads = client
        .list_multipart_uploads()
        .bucket("berth")
        .prefix(&prefix);
    let objects = objects.send().await.unwrap();
    let keys = objects
        .contents()
        .iter()
        .map(|object| object.key().unwrap());
    Left {
        objects: keys.map(|key| key.replace(&settings.prefix, "")).collect(),
        uploads: uploads.send().await.unwrap().uploads().len(),
    }
}

/// Ends a write whose bytes are right.
async fn finish(writer: Box<dyn BlobWriter>, expected: &Bytes) {
    let finished = writer.finish(Digest::sha256(expected)).await.unwrap();
    let size = expected.len() as u64;
    assert!(matches!(finished, Finished::Stored { size: found } if found == size));
}

/// The state of a write that has not begun.
fn unbegun() -> WriteState {
    WriteState::new(Algorithm::Sha256)
}
