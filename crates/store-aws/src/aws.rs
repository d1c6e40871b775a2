//! What the clients of all services share: region, credentials, connections.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{
    Credentials, Intercept, SharedCredentialsProvider, SharedInterceptor,
};
use berth_domain::Secret;

/// One try of a call at the start of a process.
const TRY: Duration = Duration::from_secs(5);
/// How often it is tried where that helps.
const TRIES: u32 = 4;

/// Where and as whom to talk to AWS, or to what speaks like it.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The region; `None`: as the SDK finds it (environment, profile, the
    /// machine's own).
    pub region: Option<String>,
    /// The credentials; `None`: as the SDK finds them (environment, profile,
    /// web identity, container, the machine's own), renewed before they expire.
    pub credentials: Option<AwsCredentials>,
}

/// Credentials that do not change.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// The key's id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// What the clients of all services share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Aws {
    config: SdkConfig,
    watcher: Option<SharedInterceptor>,
}

impl Aws {
    /// Reads environment and profile. Makes no call if the region is named
    /// there or in `settings`; credentials are looked for when a request first
    /// needs them.
    pub async fn load(settings: &AwsSettings) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = &settings.credentials {
            loader = loader.credentials_provider(credentials.provider());
        }
        Self {
            config: loader.load().await,
            watcher: None,
        }
    }

    /// Shows `watcher` the requests to S3 and SQS of the stores that are opened
    /// with this: for tests and for the books. What is only signed is no
    /// request.
    #[must_use]
    pub fn watched_by(mut self, watcher: impl Intercept + 'static) -> Self {
        self.watcher = Some(SharedInterceptor::new(watcher));
        self
    }

    /// Who watches the requests.
    pub(crate) fn watcher(&self) -> Option<SharedInterceptor> {
        self.watcher.clone()
    }

    /// What to build a service's client from.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The same for a client of one call, at the start of a process.
    /// `endpoint` is the service's address; `None`: the environment's or the
    /// region's.
    pub(crate) fn config_at_start(&self, endpoint: Option<&str>) -> SdkConfig {
        let mut config = self.config.to_builder();
        config.set_retry_config(Some(RetryConfig::standard().with_max_attempts(TRIES)));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(TRY)
            .operation_attempt_timeout(TRY);
        config.set_timeout_config(Some(timeouts.build()));
        // Without one, the environment may have one.
        if let Some(endpoint) = endpoint {
            config.set_endpoint_url(Some(endpoint.to_owned()));
        }
        config.build()
    }
}

impl AwsCredentials {
    fn provider(&self) -> SharedCredentialsProvider {
        let token = self.session_token.as_ref();
        SharedCredentialsProvider::new(Credentials::new(
            &self.access_key_id,
            self.secret_access_key.reveal(),
            token.map(|token| token.reveal().to_owned()),
            None,
            "settings",
        ))
    }
}
