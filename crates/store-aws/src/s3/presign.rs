//! Addresses that a client can read or put an object at by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::future;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, IdentityCache, ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use berth_ports::StoreResult;

use super::S3Settings;
use super::bucket::Bucket;
use crate::Aws;
use crate::error::{failed, unavailable};

/// Credentials with less time left are renewed before they sign an address.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);

/// What an address is good for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signed {
    /// Reading the object.
    Get,
    /// Putting an object of so many bytes.
    Put {
        /// How many.
        length: u64,
    },
}

/// Signs addresses. Makes no call but for credentials.
#[derive(Clone, Debug)]
pub(super) struct Presigner {
    client: Client,
    lifetime: Duration,
    expiry: Expiry,
}

/// When the credentials that were given out last expire, if they do.
type Expiry = Arc<Mutex<Option<SystemTime>>>;

impl Presigner {
    /// For requests that reach the store as `endpoint`.
    pub(super) fn new(
        aws: &Aws,
        settings: &S3Settings,
        endpoint: Option<&String>,
        lifetime: Duration,
    ) -> Self {
        let config = super::bucket::config(aws, settings, endpoint);
        Self::of(config, aws.config().credentials_provider(), lifetime)
    }

    fn of(
        mut config: Builder,
        credentials: Option<SharedCredentialsProvider>,
        lifetime: Duration,
    ) -> Self {
        let expiry = Expiry::default();
        if let Some(inner) = credentials {
            let expiry = Arc::clone(&expiry);
            config = config.credentials_provider(Watched { inner, expiry });
        }
        let cache = IdentityCache::lazy().buffer_time(RENEWED_BEFORE).build();
        Self {
            client: Client::from_conf(config.identity_cache(cache).build()),
            lifetime,
            expiry,
        }
    }

    /// An address that is good for a while: as long as was asked for, and no
    /// longer than the credentials live that sign it.
    pub(super) async fn sign(
        &self,
        bucket: &Bucket,
        key: &str,
        signed: Signed,
    ) -> StoreResult<String> {
        let address = self.sign_for(bucket, key, signed, self.lifetime).await?;
        // Only now the credentials are known.
        let expiry = *self.expiry.lock().unwrap_or_else(PoisonError::into_inner);
        let left = expiry.and_then(|expiry| expiry.duration_since(SystemTime::now()).ok());
        match left {
            Some(left) if left < self.lifetime => self.sign_for(bucket, key, signed, left).await,
            _ => Ok(address),
        }
    }

    async fn sign_for(
        &self,
        bucket: &Bucket,
        key: &str,
        signed: Signed,
        lifetime: Duration,
    ) -> StoreResult<String> {
        let whole = Duration::from_secs(lifetime.as_secs());
        let config = PresigningConfig::expires_in(whole)
            .map_err(|error| unavailable("presigning", error.to_string()))?;
        let (name, path) = (&*bucket.name, bucket.path(key));
        let request = match signed {
            Signed::Get => {
                let get = self.client.get_object().bucket(name).key(path);
                get.presigned(config)
                    .await
                    .map_err(|error| failed("GetObject", &error))?
            }
            Signed::Put { length } => {
                // Signed, so that S3 takes this length only.
                let put = self.client.put_object().bucket(name).key(path);
                put.set_content_length(i64::try_from(length).ok())
                    .presigned(config)
                    .await
                    .map_err(|error| failed("PutObject", &error))?
            }
        };
        Ok(request.uri().to_owned())
    }
}

/// Credentials whose end is noted as they are given out.
#[derive(Debug)]
struct Watched {
    inner: SharedCredentialsProvider,
    expiry: Expiry,
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.inner.provide_credentials().await?;
            *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = credentials.expiry();
            Ok(credentials)
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::Credentials;

    use super::*;
    use crate::{AwsCredentials, AwsSettings};

    async fn sign(lifetime: Duration, left: Option<Duration>) -> u64 {
        let settings = S3Settings {
            bucket: "berth".to_owned(),
            prefix: String::new(),
            endpoint: None,
            path_style: false,
            redirect: None,
            public_endpoint: None,
            uploads: None,
            upload_endpoint: None,
        };
        let aws = Aws::load(&AwsSettings {
            region: Some("eu-central-1".to_owned()),
            credentials: Some(AwsCredentials {
                access_key_id: "never used".to_owned(),
                secret_access_key: berth_domain::Secret::new("never used"),
                session_token: None,
            }),
        })
        .await;
        let expiry = left.map(|left| SystemTime::now() + left);
        let credentials = Credentials::new("id", "key", None, expiry, "test");
        let credentials = SharedCredentialsProvider::new(credentials);
        let config = super::super::bucket::config(&aws, &settings, None);
        let presigner = Presigner::of(config, Some(credentials), lifetime);
        let bucket = Bucket::new(&aws, &settings);
        let address = presigner
            .sign(&bucket, "blobs/1", Signed::Get)
            .await
            .unwrap();
        let host = "https://berth.s3.eu-central-1.amazonaws.com/blobs/1?";
        assert!(address.starts_with(host), "{address}");
        let lifetime = address.split("X-Amz-Expires=").nth(1).unwrap();
        lifetime.split('&').next().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn an_address_lives_no_longer_than_what_signs_it() {
        let hour = Duration::from_hours(1);
        assert_eq!(sign(hour, None).await, 3600);
        assert_eq!(sign(hour, Some(2 * hour)).await, 3600);
        let short = sign(hour, Some(Duration::from_mins(10))).await;
        assert!((590..=600).contains(&short), "{short}");
    }
}
