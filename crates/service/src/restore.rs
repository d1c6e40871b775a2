//! Putting back what another store held, as it was there: by the same steps as
//! a push, so that whatever collects garbage meanwhile sees what it must.

use berth_domain::{ArtifactId, Manifest, RegistryEndpoint};
use berth_oci::{Digest, ParsedManifest, RepositoryName};
use berth_ports::StoreError;
use bytes::Bytes;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::manifests::{Absent, NewManifest};
use crate::service::{Service, Target};

/// A manifest as another store held it.
#[derive(Clone, Debug)]
pub struct KeptManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its number.
    pub id: ArtifactId,
    /// What clients got as Content-Type.
    pub media_type: String,
    /// When it became visible.
    pub pushed_at: Timestamp,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What came of putting back a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRestored {
    /// The repository has the blob already.
    WasThere,
    /// It has it now.
    Linked,
    /// The blob is not stored; its bytes are needed.
    NeedsBytes,
}

impl Service {
    /// A manifest as it can be put back elsewhere; `None` if it is not there.
    /// Its bytes are not verified.
    pub async fn kept_manifest(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<Option<KeptManifest>> {
        let manifests = &self.ports.manifests;
        let Some(manifest) = manifests.manifest(repository, digest).await? else {
            return Ok(None);
        };
        let bytes = match self.manifest_bytes(&manifest).await {
            Err(Error::Store(StoreError::NotFound(_)))
                if manifests.manifest(repository, digest).await?.is_none() =>
            {
                return Ok(None);
            }
            bytes => bytes?,
        };
        Ok(Some(KeptManifest {
            digest,
            id: manifest.id,
            media_type: manifest.media_type,
            pushed_at: manifest.pushed_at,
            bytes,
        }))
    }

    /// Makes a blob that is stored already visible in a repository. For who may
    /// read everything.
    pub async fn restore_link(&self, target: &Target, digest: Digest) -> Result<LinkRestored> {
        Ok(if self.revive_if_linked(target, digest).await? {
            LinkRestored::WasThere
        } else if self.link_existing(target, digest).await? {
            LinkRestored::Linked
        } else {
            LinkRestored::NeedsBytes
        })
    }

    /// Makes a manifest visible under the number and time that it had. What it
    /// names may be missing, as it may have been there. One that is there
    /// already is returned as it is.
    pub async fn restore_manifest(&self, target: &Target, kept: KeptManifest) -> Result<Manifest> {
        let KeptManifest {
            digest,
            id,
            media_type,
            pushed_at,
            bytes,
        } = kept;
        let actual = Digest::of(digest.algorithm(), &bytes);
        if actual != digest {
            return Err(Error::DigestInvalid(format!(
                "the manifest's bytes hash to {actual}, not to {digest}"
            )));
        }
        let parsed = ParsedManifest::parse(Some(&media_type), &bytes)
            .map_err(|error| Error::ManifestInvalid(error.to_string()))?;
        let new = NewManifest {
            parsed,
            digest,
            bytes,
            tags: Vec::new(),
            absent: Absent::AllowAll,
            kept: Some((id, pushed_at)),
        };
        self.store_manifest(target, new).await
    }

    /// Whether an endpoint's login, if it has one, can be opened here.
    pub fn can_log_in(&self, endpoint: &RegistryEndpoint) -> bool {
        self.opened(endpoint).is_ok()
    }
}
