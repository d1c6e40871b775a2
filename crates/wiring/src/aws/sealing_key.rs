//! The sealing key of a store on AWS: from a file, or from the table by KMS.

use std::path::PathBuf;

use berth_host::SealingKey;
use berth_settings::{AwsStore, SealingKeySource};
use berth_store_aws::{Aws, DynamoStore, KmsKey, KmsSettings, TableError};

use crate::WiringError;

/// Where it is from.
pub(super) enum KeySource {
    File(PathBuf),
    Kms(KmsKey),
}

impl KeySource {
    /// Makes no call.
    pub(super) fn open(aws: &Aws, settings: &AwsStore) -> Self {
        match &settings.sealing_key {
            SealingKeySource::File(path) => Self::File(path.clone()),
            SealingKeySource::Kms(key) => {
                let settings = KmsSettings {
                    key: key.clone(),
                    endpoint: settings.endpoints.kms.clone(),
                };
                Self::Kms(KmsKey::open(aws, &settings))
            }
        }
    }

    /// The key of a store that was made.
    pub(super) async fn load(&self, metadata: &DynamoStore) -> Result<SealingKey, WiringError> {
        Ok(match self {
            Self::File(path) => SealingKey::load(path)?,
            Self::Kms(key) => SealingKey::from_bytes(key.load(metadata).await?),
        })
    }

    /// Makes the table and the key where they are missing. Where there is a
    /// table, a file must be there: a new key could read nothing that is sealed
    /// in it. A key of KMS is in the table, so it comes after that.
    pub(super) async fn create_with_table(
        &self,
        metadata: &DynamoStore,
    ) -> Result<(), WiringError> {
        if let Self::File(path) = self {
            match metadata.check_table().await {
                Ok(()) => SealingKey::load(path)?,
                Err(TableError::Missing(_)) => SealingKey::load_or_create(path)?,
                Err(error) => return Err(error.into()),
            };
        }
        metadata.create_table().await?;
        if let Self::Kms(key) = self {
            key.load_or_create(metadata).await?;
        }
        Ok(())
    }
}
