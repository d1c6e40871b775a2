//! The other instances over the same stores.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::Secret;
use berth_oci::{Digest, RepositoryName};

use crate::{FetchedBlob, UpstreamResult};

/// The other instances over the same stores.
#[async_trait]
pub trait Instances: Debug + Send + Sync + 'static {
    /// Where the others reach this one, scheme included; `None` if they cannot.
    fn address(&self) -> Option<&str>;

    /// Follows a blob that another instance is fetching, from an offset on.
    /// `Status` 404 if it is not fetching it; `Unreachable` if it is not there.
    /// The stream ends complete only if the other verified the digest.
    async fn follow(&self, address: &str, wanted: &Follow) -> UpstreamResult<FetchedBlob>;
}

/// What to follow.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The repository that the blob is fetched for.
    pub repository: RepositoryName,
    /// The blob.
    pub digest: Digest,
    /// From where on.
    pub offset: u64,
    /// Says that an instance over the same stores asks.
    pub token: Secret,
}
