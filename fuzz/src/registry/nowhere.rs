//! Upstreams that are there, and have nothing.

use std::time::Duration;

use async_trait::async_trait;
use berth_domain::Remote;
use berth_oci::{Digest, Reference};
use berth_ports::{
    FetchedBlob, FetchedManifest, ManifestDescription, Upstream, UpstreamError, UpstreamResult,
};
use bytes::Bytes;

/// Any registry: it can be asked, and answers 404. No network is touched.
#[derive(Debug)]
pub(super) struct Nowhere;

fn missing<T>() -> UpstreamResult<T> {
    Err(UpstreamError::Status {
        status: 404,
        message: String::new(),
        retry_after: None,
    })
}

#[async_trait]
impl Upstream for Nowhere {
    async fn ping(&self, _: &Remote) -> UpstreamResult<()> {
        Ok(())
    }

    async fn head_manifest(
        &self,
        _: &Remote,
        _: &str,
        _: &Reference,
        _: Duration,
    ) -> UpstreamResult<ManifestDescription> {
        missing()
    }

    async fn get_manifest(
        &self,
        _: &Remote,
        _: &str,
        _: &Reference,
    ) -> UpstreamResult<FetchedManifest> {
        missing()
    }

    async fn head_blob(&self, _: &Remote, _: &str, _: Digest) -> UpstreamResult<Option<u64>> {
        missing()
    }

    async fn get_blob(
        &self,
        _: &Remote,
        _: &str,
        _: Digest,
        _: u64,
    ) -> UpstreamResult<FetchedBlob> {
        missing()
    }

    async fn list_tags(
        &self,
        _: &Remote,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> UpstreamResult<(Vec<String>, bool)> {
        missing()
    }

    async fn referrers(&self, _: &Remote, _: &str, _: Digest) -> UpstreamResult<Option<Bytes>> {
        Ok(None)
    }
}
