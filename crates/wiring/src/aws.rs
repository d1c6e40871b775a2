//! S3, `DynamoDB` and SQS.

use std::sync::Arc;
use std::time::Duration;

use berth_host::{RandomIds, SealingKey, SystemClock, TempSpools};
use berth_ports::{Clock as _, Finding};
use berth_settings::AwsStore;
use berth_store_aws::{
    Aws, AwsSettings, DynamoSettings, DynamoStore, Found, S3Blobs, S3Settings, SqsQueue,
    SqsSettings, TableError,
};

use crate::wired::Neighbourhood;
use crate::{Wired, WiringError};

/// How long a signed address of a blob is good for: long enough to begin, and
/// not so long that it outlives the credentials of a role.
const REDIRECT_LIFETIME: Duration = Duration::from_mins(15);

/// Clients of all three services. No call is made.
struct Stores {
    metadata: DynamoStore,
    blobs: S3Blobs,
    queue: SqsQueue,
}

impl Stores {
    async fn open(settings: &AwsStore) -> Self {
        let aws = Aws::load(&AwsSettings {
            region: settings.region.clone(),
            credentials: None,
        })
        .await;
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
            redirect: settings.redirect.then_some(REDIRECT_LIFETIME),
            public_endpoint: endpoints.public_s3.clone(),
            uploads: settings.redirect_uploads.then_some(REDIRECT_LIFETIME),
            upload_endpoint: endpoints.s3_uploads.clone(),
        };
        let queue = SqsSettings {
            queue: settings.queue.clone(),
            endpoint: endpoints.sqs.clone(),
        };
        let blobs = S3Blobs::open(&aws, &bucket);
        Self {
            metadata: DynamoStore::open(&aws, &table, Arc::new(SystemClock), Arc::new(RandomIds)),
            queue: SqsQueue::open(&aws, &queue, &blobs),
            blobs,
        }
    }
}

pub(crate) async fn attach(settings: &AwsStore) -> Result<Wired, WiringError> {
    let key = SealingKey::load(&settings.sealing_key)?;
    let Stores {
        metadata,
        blobs,
        queue,
    } = Stores::open(settings).await;
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

/// Makes table, bucket and queues, and the sealing key, where they are missing.
/// Where there is a table, the key must be there: a new one could read nothing
/// that is sealed in it.
pub(crate) async fn create(settings: &AwsStore) -> Result<(), WiringError> {
    let Stores {
        metadata,
        blobs,
        queue,
    } = Stores::open(settings).await;
    match metadata.check_table().await {
        Ok(()) => SealingKey::load(&settings.sealing_key)?,
        Err(TableError::Missing(_)) => SealingKey::load_or_create(&settings.sealing_key)?,
        Err(error) => return Err(error.into()),
    };
    metadata.create_table().await?;
    blobs.create_bucket().await.map_err(WiringError::Bucket)?;
    queue.create_queues().await.map_err(WiringError::Queues)
}

/// Probes what the three services do, and keeps what was found in the bucket.
pub(crate) async fn check(settings: &AwsStore) -> Vec<Finding> {
    let Stores {
        metadata,
        blobs,
        queue,
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
