//! S3, `DynamoDB` and SQS.

use std::sync::Arc;

use berth_domain::Secret;
use berth_host::{RandomIds, SystemClock, TempSpools};
use berth_ports::{Clock as _, Finding};
use berth_settings::AwsStore;
use berth_store_aws::{
    Aws, AwsSettings, DynamoSettings, DynamoStore, Found, S3Blobs, S3Settings, SecretsManager,
    SqsQueue, SqsSettings,
};

use crate::service::ADDRESS_LIFETIME;
use crate::wired::Neighbourhood;
use crate::{Wired, WiringError};
use sealing_key::KeySource;

mod sealing_key;

/// The store's services and its key. No call is made.
struct Stores {
    key: KeySource,
    metadata: DynamoStore,
    blobs: S3Blobs,
    queue: SqsQueue,
}

impl Stores {
    async fn open(settings: &AwsStore) -> Self {
        let aws = load(settings).await;
        let endpoints = &settings.endpoints;
        let table = DynamoSettings {
            table: settings.table.clone(),
            endpoint: endpoints.dynamodb.clone(),
        };
        let bucket = S3Settings {
            bucket: settings.bucket.clone(),
            prefix: settings.prefix.clone(),
            endpoint: endpoints.s3.clone(),
            path_style: settings.path_style,
            redirect: settings.redirect.then_some(ADDRESS_LIFETIME),
            public_endpoint: endpoints.public_s3.clone(),
            uploads: settings.redirect_uploads.then_some(ADDRESS_LIFETIME),
            upload_endpoint: endpoints.s3_uploads.clone(),
        };
        let queue = SqsSettings {
            queue: settings.queue.clone(),
            endpoint: endpoints.sqs.clone(),
        };
        let blobs = S3Blobs::open(&aws, &bucket);
        Self {
            key: KeySource::open(&aws, settings),
            metadata: DynamoStore::open(&aws, &table, Arc::new(SystemClock), Arc::new(RandomIds)),
            queue: SqsQueue::open(&aws, &queue, &blobs),
            blobs,
        }
    }
}

async fn load(settings: &AwsStore) -> Aws {
    let settings = AwsSettings {
        region: settings.region.clone(),
        credentials: None,
    };
    Aws::load(&settings).await
}

pub(crate) async fn attach(settings: &AwsStore) -> Result<Wired, WiringError> {
    let Stores {
        key,
        metadata,
        blobs,
        queue,
    } = Stores::open(settings).await;
    let key = key.load(&metadata).await?;
    let blobs = Arc::new(blobs);
    Wired::over(
        Arc::new(metadata),
        Arc::new(queue),
        (blobs.clone(), blobs),
        &key,
        Neighbourhood {
            address: settings.advertise.clone(),
            spools: settings
                .spool
                .clone()
                .map(TempSpools::of)
                .unwrap_or_default(),
        },
        None,
    )
}

/// The first administrator's password, if the settings name its secret.
pub(crate) async fn admin_password(settings: &AwsStore) -> Result<Option<Secret>, WiringError> {
    let Some(secret) = &settings.admin_password_secret else {
        return Ok(None);
    };
    let endpoint = settings.endpoints.secrets_manager.as_deref();
    let secrets = SecretsManager::open(&load(settings).await, endpoint);
    Ok(Some(secrets.password(secret).await?))
}

/// Makes table, bucket and queues, and the sealing key, where they are missing.
pub(crate) async fn create(settings: &AwsStore) -> Result<(), WiringError> {
    let Stores {
        key,
        metadata,
        blobs,
        queue,
    } = Stores::open(settings).await;
    key.create_with_table(&metadata).await?;
    blobs.create_bucket().await.map_err(WiringError::Bucket)?;
    queue.create_queues().await.map_err(WiringError::Queues)
}

/// Probes what the three services do, and keeps what was found in the bucket.
pub(crate) async fn check(settings: &AwsStore) -> Vec<Finding> {
    let Stores {
        metadata,
        blobs,
        queue,
        ..
    } = Stores::open(settings).await;
    let mut findings = blobs.check(&RandomIds).await;
    findings.extend(metadata.check().await);
    findings.extend(queue.check().await);
    let mut found = Found {
        at: SystemClock.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoint: settings.endpoints.s3.clone(),
        upload_endpoint: settings.endpoints.s3_uploads.clone(),
        findings,
    };
    let kept = found.keep(&blobs).await;
    found.findings.push(kept);
    found.findings
}
