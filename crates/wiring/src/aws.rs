//! S3, `DynamoDB` and SQS.

use std::sync::Arc;
use std::time::Duration;

use berth_host::{RandomIds, SealingKey, SystemClock, TempSpools};
use berth_settings::AwsStore;
use berth_store_aws::{
    Aws, AwsSettings, DynamoSettings, DynamoStore, S3Blobs, S3Settings, SqsQueue, SqsSettings,
    TableError,
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
    Wired::over(
        Arc::new(metadata),
        Arc::new(queue),
        Arc::new(blobs),
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
