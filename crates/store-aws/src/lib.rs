//! Blobs on S3, metadata on DynamoDB, the job queue on SQS

pub use aws::{Aws, AwsCredentials, AwsSettings};
pub use check::Found;
pub use dynamo::{CallCounter, Calls, DynamoSettings, DynamoStore, TableError};
pub use s3::{S3Blobs, S3Settings};
pub use sqs::{SqsQueue, SqsSettings};

mod aws;
mod check;
mod dynamo;
mod error;
mod s3;
mod sqs;
