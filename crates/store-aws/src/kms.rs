//! A sealing key from KMS, by envelope encryption: KMS makes a key for a table
//! and encrypts it, the table keeps that, and KMS decrypts it for each process
//! once, at its start.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use berth_ports::{AccessStore as _, RegistryStore as _, StoreError, StoreResult};

use crate::Aws;
use crate::dynamo::{DataKey, DynamoStore};
use crate::error::{CallFailed, call_failed};

/// What KMS is told with a key, and policies may ask for: the table's name.
const CONTEXT: &str = "berth:table";

/// Which key of KMS, and where.
#[derive(Clone, Debug)]
pub struct KmsSettings {
    /// Its id, ARN or alias (`alias/name`).
    pub key: String,
    /// The service's address; `None`: the environment's or the region's.
    pub endpoint: Option<String>,
}

/// Why there is no sealing key from KMS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// None was made for the table.
    #[error("the table {0} has no sealing key of KMS, make one with `berth admin create-store`")]
    Missing(String),
    /// None was made for the table, and it is too late for that.
    #[error(
        "the table {0} is in use with another sealing key than one of KMS, set sealing_key_file to its file"
    )]
    InUse(String),
    /// KMS did not make one.
    #[error(
        "KMS makes no data key under {0}, check that it is there and enabled, and that kms:GenerateDataKeyWithoutPlaintext is allowed"
    )]
    NotMade(String, #[source] CallFailed),
    /// KMS did not decrypt it.
    #[error(
        "KMS does not decrypt the sealing key of the table under {0}, check that it was made under this key, that the key is enabled, and that kms:Decrypt is allowed"
    )]
    NotDecrypted(String, #[source] CallFailed),
    /// What KMS gave is no key.
    #[error("what KMS gave is no key of 32 bytes, check kms_endpoint")]
    Malformed,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key of KMS, under which the sealing keys of tables are encrypted.
#[derive(Clone, Debug)]
pub struct KmsKey {
    client: Client,
    key: String,
}

impl KmsKey {
    /// This key. Makes no call.
    pub fn open(aws: &Aws, settings: &KmsSettings) -> Self {
        let config = aws.config_at_start(settings.endpoint.as_deref());
        Self {
            client: Client::new(&config),
            key: settings.key.clone(),
        }
    }

    /// The sealing key of the table; [`Missing`](KmsError::Missing) if none was
    /// made. One read, one call to KMS.
    pub async fn load(&self, store: &DynamoStore) -> Result<[u8; 32], KmsError> {
        let key = store.sealing_key().await?;
        let key = key.ok_or_else(|| KmsError::Missing(store.table_name().to_owned()))?;
        self.decrypt(&key).await
    }

    /// The same, made first if nothing in the table is sealed yet. Any number
    /// of callers may do so at once: all get the same.
    pub async fn load_or_create(&self, store: &DynamoStore) -> Result<[u8; 32], KmsError> {
        // In this order: what is sealed meanwhile is sealed by the key that is
        // found then.
        let in_use = is_in_use(store).await?;
        let key = match store.sealing_key().await? {
            Some(key) => key,
            None if in_use => return Err(KmsError::InUse(store.table_name().to_owned())),
            None => {
                let made = self.generate(store.table_name()).await?;
                store.keep_sealing_key(made).await?
            }
        };
        self.decrypt(&key).await
    }

    /// A fresh key for a table, which nobody has seen.
    async fn generate(&self, table: &str) -> Result<DataKey, KmsError> {
        let answer = self
            .client
            .generate_data_key_without_plaintext()
            .key_id(&self.key)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(CONTEXT, table)
            .send()
            .await
            .map_err(|error| {
                let failed = call_failed("GenerateDataKeyWithoutPlaintext", &error);
                KmsError::NotMade(self.key.clone(), failed)
            })?;
        let ciphertext = answer.ciphertext_blob.ok_or(KmsError::Malformed)?;
        Ok(DataKey {
            table: table.to_owned(),
            ciphertext: ciphertext.into_inner(),
        })
    }

    async fn decrypt(&self, key: &DataKey) -> Result<[u8; 32], KmsError> {
        let answer = self
            .client
            .decrypt()
            // Without it KMS would take any key that this caller may use.
            .key_id(&self.key)
            .encryption_context(CONTEXT, &key.table)
            .ciphertext_blob(Blob::new(key.ciphertext.as_slice()))
            .send()
            .await
            .map_err(|error| {
                KmsError::NotDecrypted(self.key.clone(), call_failed("Decrypt", &error))
            })?;
        let plaintext = answer.plaintext.ok_or(KmsError::Malformed)?;
        let bytes: Result<[u8; 32], _> = plaintext.as_ref().try_into();
        bytes.map_err(|_| KmsError::Malformed)
    }
}

/// Whether something may be sealed in the table: a first start makes a registry
/// endpoint, an import may bring some, and tokens need signing keys.
async fn is_in_use(store: &DynamoStore) -> StoreResult<bool> {
    let registries = store.list_registries(None, 1).await?;
    Ok(!registries.items.is_empty() || !store.signing_keys().await?.is_empty())
}
