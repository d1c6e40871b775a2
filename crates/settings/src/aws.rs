//! The settings of the store on AWS.

use std::path::PathBuf;

use crate::values::Values;
use crate::{SettingsError, keys, parse};

/// Objects on S3, metadata on DynamoDB, jobs on SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsStore {
    /// The region; `None`: as environment and profile say.
    pub region: Option<String>,
    /// The DynamoDB table.
    pub table: String,
    /// The S3 bucket.
    pub bucket: String,
    /// What all keys in the bucket begin with: nothing, or a folder that ends
    /// in `/`.
    pub prefix: String,
    /// The SQS queue, by name or address.
    pub queue: String,
    /// Addresses that are not the region's.
    pub endpoints: Endpoints,
    /// Whether the bucket's name is in paths, not in host names.
    pub path_style: bool,
    /// Whether clients are redirected to the bucket for blobs.
    pub redirect: bool,
    /// Whether clients that can are sent to the bucket with what they push.
    pub redirect_uploads: bool,
    /// Where the other instances reach this one; `None` if they cannot.
    pub advertise: Option<String>,
    /// Where blobs are kept on their way; `None`: with the temporary files.
    pub spool: Option<PathBuf>,
    /// The file of the key that seals secrets, the same for all instances.
    pub sealing_key: PathBuf,
}

/// Addresses of services, each `None` for the region's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `DynamoDB`.
    pub dynamodb: Option<String>,
    /// S3.
    pub s3: Option<String>,
    /// S3 as clients know it, where that is another.
    pub public_s3: Option<String>,
    /// A front of S3 that clients put blobs at.
    pub s3_uploads: Option<String>,
    /// SQS.
    pub sqs: Option<String>,
}

impl AwsStore {
    pub(crate) fn parse(values: &Values) -> Result<Self, SettingsError> {
        let incomplete = |missing| SettingsError::Incomplete {
            given: "store = aws",
            missing,
        };
        let bucket = values.optional(&keys::BUCKET, parse::text)?;
        let sealing_key = values.optional(&keys::SEALING_KEY_FILE, parse::path)?;
        Ok(Self {
            region: values.optional(&keys::AWS_REGION, parse::text)?,
            table: values.one(&keys::TABLE, parse::text)?,
            bucket: bucket.ok_or_else(|| incomplete(keys::BUCKET.name))?,
            prefix: values
                .optional(&keys::BUCKET_PREFIX, parse::folder)?
                .unwrap_or_default(),
            queue: values.one(&keys::QUEUE, parse::text)?,
            endpoints: Endpoints {
                dynamodb: values.optional(&keys::DYNAMODB_ENDPOINT, parse::endpoint)?,
                s3: values.optional(&keys::S3_ENDPOINT, parse::endpoint)?,
                public_s3: values.optional(&keys::S3_PUBLIC_ENDPOINT, parse::endpoint)?,
                s3_uploads: values.optional(&keys::S3_UPLOAD_ENDPOINT, parse::endpoint)?,
                sqs: values.optional(&keys::SQS_ENDPOINT, parse::endpoint)?,
            },
            path_style: values.one(&keys::S3_PATH_STYLE, parse::switch)?,
            redirect: values.one(&keys::REDIRECT, parse::switch)?,
            redirect_uploads: values.one(&keys::REDIRECT_UPLOADS, parse::switch)?,
            advertise: values.optional(&keys::ADVERTISE, parse::external_url)?,
            spool: values.optional(&keys::SPOOL, parse::path)?,
            sealing_key: sealing_key.ok_or_else(|| incomplete(keys::SEALING_KEY_FILE.name))?,
        })
    }
}
