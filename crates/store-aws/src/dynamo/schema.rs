//! The table itself: made where it is missing, checked where it is there.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use berth_ports::{StoreError, StoreResult};

use super::DynamoStore;
use super::error::failed;
use super::key::{PARTITION, SORT};

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is none of this name.
    #[error("the table {0} does not exist, create it with `berth admin create-store`")]
    Missing(String),
    /// It is another kind of table. The second text says what differs.
    #[error("the table {0} is not one of this program: {1}")]
    Foreign(String, String),
    /// DynamoDB did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The index that lists links and blobs, for verification only: it lags.
pub(super) const LISTED: &str = "listed";
/// Its partition key; a record without it is not in the index.
pub(super) const LISTED_PARTITION: &str = "lp";
/// Its sort key.
pub(super) const LISTED_SORT: &str = "ls";

/// When DynamoDB may forget a record, in seconds since 1970: only of records
/// that own nothing. It may do so days late.
pub(super) const EXPIRES: &str = "expires";

/// How long to wait between looks at a table that is being made.
const LOOK: Duration = Duration::from_millis(500);

impl DynamoStore {
    /// Makes the table if it is missing, with its index and its expiry, and
    /// waits until it can be used. Any number of callers may do so at once.
    pub async fn create_table(&self) -> Result<(), TableError> {
        if self.describe().await?.is_none() {
            self.request_table().await?;
        }
        loop {
            let table = self.describe().await?;
            let active = Some(&TableStatus::Active);
            if table.is_some_and(|table| table.table_status() == active) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.check_table().await?;
        self.enable_expiry().await?;
        Ok(())
    }

    /// Whether the table is there and is one of this program.
    pub async fn check_table(&self) -> Result<(), TableError> {
        let name = self.table.name();
        let Some(table) = self.describe().await? else {
            return Err(TableError::Missing(name.to_owned()));
        };
        let foreign = |what: &str| TableError::Foreign(name.to_owned(), what.to_owned());
        if !has_keys(table.key_schema(), PARTITION, SORT) {
            return Err(foreign("its keys are not pk and sk"));
        }
        let mut indexes = table.global_secondary_indexes().iter();
        let listed = indexes.find(|index| index.index_name() == Some(LISTED));
        if !listed.is_some_and(|index| has_keys(index.key_schema(), LISTED_PARTITION, LISTED_SORT))
        {
            return Err(foreign("it has no index `listed` with the keys lp and ls"));
        }
        Ok(())
    }

    async fn describe(&self) -> StoreResult<Option<TableDescription>> {
        let request = self.table.client().describe_table();
        match request.table_name(self.table.name()).send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_resource_not_found_exception() => Ok(None),
                _ => Err(failed("DescribeTable", &error)),
            },
        }
    }

    async fn request_table(&self) -> StoreResult<()> {
        let index = GlobalSecondaryIndex::builder()
            .index_name(LISTED)
            .set_key_schema(Some(keys(LISTED_PARTITION, LISTED_SORT)?))
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()
            .map_err(StoreError::unavailable)?;
        let request = self.table.client().create_table();
        let answer = request
            .table_name(self.table.name())
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(texts(&[
                PARTITION,
                SORT,
                LISTED_PARTITION,
                LISTED_SORT,
            ])?))
            .set_key_schema(Some(keys(PARTITION, SORT)?))
            .global_secondary_indexes(index)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another caller was faster.
                Some(service) if service.is_resource_in_use_exception() => Ok(()),
                _ => Err(failed("CreateTable", &error)),
            },
        }
    }

    async fn enable_expiry(&self) -> StoreResult<()> {
        if self.has_expiry().await? {
            return Ok(());
        }
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(EXPIRES)
            .enabled(true)
            .build()
            .map_err(StoreError::unavailable)?;
        let request = self.table.client().update_time_to_live();
        let answer = request
            .table_name(self.table.name())
            .time_to_live_specification(specification)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            // Another caller was faster.
            Err(_) if self.has_expiry().await? => Ok(()),
            Err(error) => Err(failed("UpdateTimeToLive", &error)),
        }
    }

    pub(super) async fn has_expiry(&self) -> StoreResult<bool> {
        let request = self.table.client().describe_time_to_live();
        let described = request.table_name(self.table.name()).send().await;
        let described = described.map_err(|error| failed("DescribeTimeToLive", &error))?;
        let expiry = described.time_to_live_description;
        Ok(matches!(
            expiry.and_then(|expiry| expiry.time_to_live_status),
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        ))
    }
}

/// Key attributes, all of them texts.
fn texts(names: &[&str]) -> StoreResult<Vec<AttributeDefinition>> {
    let text = |name: &&str| {
        AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    };
    let texts: Result<_, _> = names.iter().map(text).collect();
    texts.map_err(StoreError::unavailable)
}

/// A partition key and a sort key.
fn keys(partition: &str, sort: &str) -> StoreResult<Vec<KeySchemaElement>> {
    let key = |(name, kind)| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let keys = [(partition, KeyType::Hash), (sort, KeyType::Range)];
    let keys: Result<_, _> = keys.map(key).into_iter().collect();
    keys.map_err(StoreError::unavailable)
}

fn has_keys(found: &[KeySchemaElement], partition: &str, sort: &str) -> bool {
    let names = found.iter().map(KeySchemaElement::attribute_name);
    names.eq([partition, sort])
}
