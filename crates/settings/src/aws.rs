//! The settings of the store on AWS.

use std::path::PathBuf;

use crate::values::Values;
use crate::{SettingsError, keys, parse};

/// How the settings choose this store.
pub(crate) const AWS: &str = "store = aws";

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
    /// Where the key is from that seals secrets, the same for all instances.
    pub sealing_key: SealingKeySource,
    /// The secret with the first administrator's password, by name or ARN.
    pub admin_password_secret: Option<String>,
}

/// Where a sealing key is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealingKeySource {
    /// This file.
    File(PathBuf),
    /// The table, where this key of KMS opens it: an id, an ARN or an alias.
    Kms(String),
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
    /// KMS.
    pub kms: Option<String>,
    /// Secrets Manager.
    pub secrets_manager: Option<String>,
}

impl AwsStore {
    pub(crate) fn parse(values: &Values) -> Result<Self, SettingsError> {
        let bucket = values.optional(&keys::BUCKET, parse::text)?;
        Ok(Self {
            region: values.optional(&keys::AWS_REGION, parse::text)?,
            table: values.one(&keys::TABLE, parse::text)?,
            bucket: bucket.ok_or(SettingsError::Incomplete {
                given: AWS,
                missing: keys::BUCKET.name,
            })?,
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
                kms: values.optional(&keys::KMS_ENDPOINT, parse::endpoint)?,
                secrets_manager: values
                    .optional(&keys::SECRETSMANAGER_ENDPOINT, parse::endpoint)?,
            },
            path_style: values.one(&keys::S3_PATH_STYLE, parse::switch)?,
            redirect: values.one(&keys::REDIRECT, parse::switch)?,
            redirect_uploads: values.one(&keys::REDIRECT_UPLOADS, parse::switch)?,
            advertise: values.optional(&keys::ADVERTISE, parse::external_url)?,
            spool: values.optional(&keys::SPOOL, parse::path)?,
            sealing_key: SealingKeySource::parse(values)?,
            admin_password_secret: values.optional(&keys::ADMIN_PASSWORD_SECRET, parse::text)?,
        })
    }
}

impl SealingKeySource {
    fn parse(values: &Values) -> Result<Self, SettingsError> {
        let file = values.optional(&keys::SEALING_KEY_FILE, parse::path)?;
        let kms = values.optional(&keys::SEALING_KEY_KMS, parse::text)?;
        let (one, other) = (keys::SEALING_KEY_FILE.name, keys::SEALING_KEY_KMS.name);
        match (file, kms) {
            (Some(file), None) => Ok(Self::File(file)),
            (None, Some(key)) => Ok(Self::Kms(key)),
            (Some(_), Some(_)) => Err(SettingsError::Exclusive(one, other)),
            (None, None) => Err(SettingsError::Neither {
                given: AWS,
                one,
                other,
            }),
        }
    }
}
