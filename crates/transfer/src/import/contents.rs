//! Blobs, manifests and tags.

use berth_domain::{ArtifactId, Tag};
use berth_oci::Digest;
use berth_ports::StoreError;
use berth_service::{Body, Error, KeptManifest, LinkRestored, Target};
use futures_util::StreamExt as _;

use super::{Fate, To};
use crate::error::{Result, TransferError};
use crate::progress::Progress;
use crate::records::{LinkRecord, ManifestRecord, TagRecord};

/// What came of a blob in a repository.
pub(super) struct LinkFate {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) fate: Fate,
    /// Whether its bytes were moved just now.
    pub(super) moved: bool,
}

impl To<'_> {
    /// Sees that a repository has a blob.
    pub(super) async fn link(self, target: &Target, record: LinkRecord) -> Result<LinkFate> {
        let LinkRecord { digest, size, .. } = record;
        let restored = self.service.restore_link(target, digest).await?;
        let (fate, moved) = match restored {
            LinkRestored::WasThere => (Fate::Same, false),
            LinkRestored::Linked => (Fate::New, false),
            LinkRestored::NeedsBytes => {
                self.push(target, digest, size).await?;
                (Fate::New, true)
            }
        };
        Ok(LinkFate {
            digest,
            size,
            fate,
            moved,
        })
    }

    /// Stores a blob from its file, by the way of a push.
    async fn push(self, target: &Target, digest: Digest, size: u64) -> Result<()> {
        let body = self.folder.read_blob(digest, size).await?;
        let body = watched(body, self.progress.clone());
        let pushed = self.service.push_blob(target, digest, Some(size), body);
        pushed.await.map_err(|error| match error {
            Error::DigestInvalid(what) | Error::UploadInvalid(what) | Error::SizeInvalid(what) => {
                self.folder.damaged_blob(digest, what)
            }
            source => TransferError::Record {
                subject: format!("blob {digest}"),
                source,
            },
        })
    }

    pub(super) async fn manifest(self, target: &Target, record: ManifestRecord) -> Result<Fate> {
        let ManifestRecord {
            repository,
            digest,
            id,
            media_type,
            pushed_at,
            bytes,
        } = record;
        let subject = format!("manifest {repository}@{digest}");
        let expected = (id, media_type.as_str(), pushed_at);
        let manifests = &self.ports().manifests;
        if let Some(found) = manifests.manifest(&repository, digest).await? {
            let found = (found.id.0, found.media_type.as_str(), found.pushed_at);
            return Ok(Fate::of(&subject, &found, &expected));
        }
        let kept = KeptManifest {
            digest,
            id: ArtifactId(id),
            media_type: media_type.clone(),
            pushed_at,
            bytes: bytes.0.into(),
        };
        match self.service.restore_manifest(target, kept).await {
            Ok(_) => Ok(Fate::New),
            Err(source) => Err(TransferError::Record { subject, source }),
        }
    }

    pub(super) async fn tag(self, record: TagRecord) -> Result<Fate> {
        let TagRecord {
            repository,
            name,
            digest,
            ..
        } = &record;
        let subject = format!("tag {repository}:{name}");
        if let Some(found) = self.ports().tags.tag(repository, name).await? {
            let other = found.digest;
            if other != *digest {
                return Ok(Fate::Refused(format!(
                    "{subject} names {other} here, not {digest}"
                )));
            }
            if found.pushed_at == record.pushed_at {
                self.confirm(&record, &found).await?;
            }
            return Ok(Fate::Same);
        }
        let manifests = &self.ports().manifests;
        let refused = || {
            Fate::Refused(format!(
                "{subject} names manifest {digest}, which is not there"
            ))
        };
        let Some(manifest) = manifests.manifest(repository, *digest).await? else {
            return Ok(refused());
        };
        let (tags, names) = (&self.ports().tags, std::slice::from_ref(name));
        match tags.put_tags(&manifest, names, record.pushed_at).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Ok(refused()),
            Err(error) => return Err(error.into()),
        }
        if let Some(put) = self.ports().tags.tag(repository, name).await? {
            self.confirm(&record, &put).await?;
        }
        Ok(Fate::New)
    }

    /// Gives a tag the time at which its upstream last confirmed it.
    async fn confirm(self, record: &TagRecord, found: &Tag) -> Result<()> {
        let TagRecord {
            repository,
            name,
            checked_at,
            ..
        } = record;
        if found.checked_at >= *checked_at {
            return Ok(());
        }
        let tags = &self.ports().tags;
        Ok(tags
            .confirm_tag(repository, name, found.version, *checked_at)
            .await?)
    }
}

/// A body that tells how much of it was taken.
fn watched(body: Body, progress: Progress) -> Body {
    Box::pin(body.inspect(move |bytes| {
        if let Ok(bytes) = bytes {
            progress.add(bytes.len() as u64);
        }
    }))
}
