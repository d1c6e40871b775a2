//! Blobs on S3, metadata on DynamoDB, the job queue on SQS

pub use aws::{Aws, AwsCredentials, AwsSettings};
pub use check::Found;
pub use dynamo::{CallCounter, Calls, DataKey, DynamoSettings, DynamoStore, TableError};
pub use error::CallFailed;
pub use kms::{KmsError, KmsKey, KmsSettings};
pub use s3::{S3Blobs, S3Settings};
pub use secrets_manager::{SecretsManager, SecretsManagerError};
pub use sqs::{SqsQueue, SqsSettings};

mod aws;
mod check;
mod dynamo;
mod error;
mod kms;
mod s3;
mod secrets_manager;
mod sqs;
