//! What refers to a proxied manifest: the upstream's and ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berth_domain::{Page, Referrer, RegistryId};
use berth_oci::{Descriptor, Digest, ParsedManifest, Reference, media_type};
use berth_ports::UpstreamError;
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::proxy::remote::upstream_name;
use crate::service::{Service, Target};

/// How long an upstream may take for all of its list.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many held referrers are read at once.
const PAGE: usize = 1_000;

/// The order in which referrers are listed.
type Place = (String, Digest);

impl Service {
    /// A page of referrers behind `after`, the upstream's and the held ones as
    /// one list; the held ones alone if it does not answer.
    pub(crate) async fn proxied_referrers(
        self: &Arc<Self>,
        target: &Target,
        registry: RegistryId,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> Result<Page<Referrer>> {
        let mut all = self.all_held(target, subject, artifact_type).await?;
        match self.upstream_referrers(target, registry, subject).await {
            Ok(descriptors) => {
                let referrers = descriptors.into_iter().map(referrer);
                let wanted = |one: &Referrer| {
                    artifact_type.is_none() || one.artifact_type.as_deref() == artifact_type
                };
                for referrer in referrers.filter(wanted) {
                    all.entry(place(&referrer)).or_insert(referrer);
                }
            }
            Err(Error::Upstream(error)) => {
                tracing::warn!(repository = %target.repository, %error, "listing held referrers");
            }
            Err(error) => return Err(error),
        }
        let after = after.map(|(kind, digest)| (kind.to_owned(), digest));
        let behind = all
            .into_iter()
            .filter(|(place, _)| after.as_ref().is_none_or(|it| place > it));
        let items = behind
            .map(|(_, referrer)| referrer)
            .take(limit.saturating_add(1))
            .collect();
        Ok(Page::from_overread(items, limit))
    }

    async fn all_held(
        &self,
        target: &Target,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<BTreeMap<Place, Referrer>> {
        let mut all = BTreeMap::new();
        let mut after: Option<Place> = None;
        loop {
            let behind = after
                .as_ref()
                .map(|(kind, digest)| (kind.as_str(), *digest));
            let repository = &target.repository;
            let page = self
                .held_referrers(repository, subject, artifact_type, behind, PAGE)
                .await?;
            all.extend(
                page.items
                    .into_iter()
                    .map(|referrer| (place(&referrer), referrer)),
            );
            after = all.keys().next_back().cloned();
            if !page.more {
                return Ok(all);
            }
        }
    }

    async fn upstream_referrers(
        &self,
        target: &Target,
        registry: RegistryId,
        subject: Digest,
    ) -> Result<Vec<Descriptor>> {
        let remote = self.remote(registry).await?;
        let name = upstream_name(target)?;
        let list = async {
            match self
                .ports
                .upstream
                .referrers(&remote, name, subject)
                .await?
            {
                Some(index) => Ok(Some(index)),
                None => self.referrers_tag(&remote, name, subject).await,
            }
        };
        match self.within(PATIENCE, list).await? {
            Some(index) => children(&index),
            None => Ok(Vec::new()),
        }
    }

    /// Where there is no referrers API, clients keep the list under a tag made
    /// from the digest (distribution spec, "Referrers Tag Schema").
    async fn referrers_tag(
        &self,
        remote: &berth_domain::Remote,
        name: &str,
        subject: Digest,
    ) -> berth_ports::UpstreamResult<Option<Bytes>> {
        let tag = format!("{}-{}", subject.algorithm().as_str(), subject.hex());
        let tag: String = tag.chars().take(128).collect();
        let Ok(tag) = tag.parse() else {
            return Ok(None);
        };
        let reference = Reference::Tag(tag);
        // The HEAD is free, and mostly there is none.
        match self
            .ports
            .upstream
            .head_manifest(remote, name, &reference, PATIENCE)
            .await
        {
            Ok(_) => {}
            Err(UpstreamError::Status { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let fetched = self
            .ports
            .upstream
            .get_manifest(remote, name, &reference)
            .await?;
        Ok(Some(fetched.bytes))
    }
}

fn children(index: &[u8]) -> Result<Vec<Descriptor>> {
    match ParsedManifest::parse(Some(media_type::OCI_INDEX), index) {
        Ok(parsed) => Ok(parsed.children),
        Err(error) => Err(UpstreamError::Invalid(format!("its referrers: {error}")).into()),
    }
}

fn referrer(descriptor: Descriptor) -> Referrer {
    Referrer {
        digest: descriptor.digest,
        media_type: descriptor.media_type,
        size: descriptor.size,
        artifact_type: descriptor.artifact_type,
        annotations: Some(descriptor.annotations),
    }
}

fn place(referrer: &Referrer) -> Place {
    (
        referrer.artifact_type.clone().unwrap_or_default(),
        referrer.digest,
    )
}
