//! The other instances, for tests with none.

use async_trait::async_trait;
use berth_ports::{FetchedBlob, Follow, Instances, UpstreamError, UpstreamResult};

/// An instance without any other.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoInstances;

#[async_trait]
impl Instances for NoInstances {
    fn address(&self) -> Option<&str> {
        None
    }

    async fn follow(&self, address: &str, _: &Follow) -> UpstreamResult<FetchedBlob> {
        Err(UpstreamError::Unreachable(address.to_owned()))
    }
}
