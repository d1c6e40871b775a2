//! What a sweep would free now; nothing is changed.

use std::collections::{HashMap, HashSet};

use berth_domain::{EdgeTarget, LinkStep, Need, ObjectKey, first_step};
use berth_oci::{Digest, RepositoryName};
use berth_ports::GcSubject;

use super::PAGE;
use crate::error::Result;
use crate::service::Service;

/// What a sweep would free, as far as it follows from what is due now: what a
/// child's deletion would free in turn is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Manifests.
    pub manifests: u64,
    /// Links.
    pub links: u64,
    /// Blobs.
    pub blobs: u64,
    /// The bytes of these blobs.
    pub bytes: u64,
    /// Objects that nothing names any more.
    pub objects: u64,
}

/// What was found by the queue, before blobs are counted.
#[derive(Debug, Default)]
struct Found {
    seen: HashSet<GcSubject>,
    manifests: u64,
    links: HashMap<Digest, u64>,
    blobs: HashSet<Digest>,
    objects: HashSet<ObjectKey>,
}

impl Service {
    /// Looks at all that is due as a sweep does, and changes nothing.
    pub async fn preview_garbage(&self) -> Result<Preview> {
        let (horizon, mut after) = (self.now(), None::<String>);
        let mut found = Found::default();
        loop {
            let page = self.ports.gc.due(horizon, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page {
                if found.seen.insert(entry.subject.clone()) {
                    self.preview(entry.subject, &mut found).await?;
                }
            }
        }
        let mut preview = Preview {
            manifests: found.manifests,
            links: found.links.values().sum(),
            objects: found.objects.len() as u64,
            ..Preview::default()
        };
        found.blobs.extend(found.links.keys());
        for digest in &found.blobs {
            let going = found.links.get(digest).copied().unwrap_or_default();
            if let Some(size) = self.size_if_freed(*digest, going).await? {
                preview.blobs += 1;
                preview.bytes += size;
            }
        }
        Ok(preview)
    }

    async fn preview(&self, subject: GcSubject, found: &mut Found) -> Result<()> {
        match subject {
            GcSubject::Link(repository, digest) => {
                if self.would_unlink(&repository, digest).await? {
                    *found.links.entry(digest).or_default() += 1;
                }
            }
            GcSubject::Manifest(repository, digest) => {
                let state = self
                    .ports
                    .manifests
                    .manifest_state(&repository, digest)
                    .await?;
                let live = |(state, _)| state == berth_domain::ManifestState::Live;
                found.manifests += u64::from(state.is_some_and(|state| !live(state)));
            }
            GcSubject::Child(repository, digest) => {
                if let Some(manifest) = self.ports.manifests.manifest(&repository, digest).await? {
                    let need = self.preview_of_child(&manifest).await?;
                    found.manifests += u64::from(!need.keeps());
                }
            }
            GcSubject::Blob(digest) => {
                found.blobs.insert(digest);
            }
            GcSubject::Object(key) => {
                found.objects.insert(key);
            }
        }
        Ok(())
    }

    async fn would_unlink(&self, repository: &RepositoryName, digest: Digest) -> Result<bool> {
        let link = self.ports.links.link(repository, digest).await?;
        let target = EdgeTarget::Blob(digest);
        if self.has_edge(repository, target).await? {
            return Ok(false);
        }
        let (now, grace) = (self.now(), self.grace());
        Ok(link.is_some_and(|link| {
            let step = first_step(link.state, link.touched_at, Need::Not, now, grace);
            matches!(step, LinkStep::Condemn | LinkStep::Examine(_))
        }))
    }

    async fn preview_of_child(&self, manifest: &berth_domain::Manifest) -> Result<Need> {
        let target = EdgeTarget::Manifest(manifest.digest);
        if self.has_edge(&manifest.repository, target).await? {
            return Ok(Need::Needed);
        }
        self.need_by_tags(manifest).await
    }

    /// The size of a blob that loses its last links when `going` of them go.
    async fn size_if_freed(&self, digest: Digest, going: u64) -> Result<Option<u64>> {
        let Some(blob) = self.ports.links.blob(digest).await? else {
            return Ok(None);
        };
        let (mut kept, mut after) = (0, None::<(RepositoryName, berth_domain::LinkId)>);
        loop {
            let behind = after.as_ref().map(|(repository, id)| (repository, *id));
            let page = self.ports.links.back_edges(digest, behind, PAGE).await?;
            kept += page.items.len() as u64;
            if kept > going {
                return Ok(None);
            }
            if !page.more {
                return Ok(Some(blob.size));
            }
            after = page
                .items
                .into_iter()
                .last()
                .map(|edge| (edge.repository, edge.id));
        }
    }
}
