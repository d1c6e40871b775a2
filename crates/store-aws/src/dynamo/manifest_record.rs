//! The record of a manifest, whatever its state.

use berth_domain::{
    ArtifactId, Begun, ListedManifest, Manifest, ManifestContent, ManifestState, Nonce,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{StoreError, StoreResult};
use bytes::Bytes;

use super::item::json;
use super::manifest_state::{self, NONCE, STATE, attribute};
use super::{Condition, DynamoStore, Item, Update, key};

/// The attribute that tells when a pusher was last promised it.
pub(super) const TOUCHED_AT: &str = "touched_at";
/// The attribute that names what it refers to, if it is listed there.
pub(super) const SUBJECT: &str = "subject";
/// The attribute that holds the artifact type under which it is listed there.
pub(super) const SUBJECT_TYPE: &str = "subject_type";

const ID: &str = "id";
const MEDIA_TYPE: &str = "media_type";
const SIZE: &str = "size";
const FACTS: &str = "facts";
const PUSHED_AT: &str = "pushed_at";
const INLINE: &str = "inline";
const OBJECT_KEY: &str = "object_key";

/// What decides, and what finds its referrer.
const HEAD: &[&str] = &[STATE, NONCE, SUBJECT, SUBJECT_TYPE];
/// All but the bytes.
const LISTED: &[&str] = &[STATE, NONCE, ID, MEDIA_TYPE, SIZE, FACTS, PUSHED_AT];

/// The record is in this state under this nonce.
pub(super) fn is(state: ManifestState, nonce: Nonce) -> Condition {
    Condition::equal(STATE, attribute(state)).and(Condition::equal(NONCE, nonce.to_string()))
}

/// The record is in this state, whatever its nonce.
pub(super) fn is_in(state: ManifestState) -> Condition {
    Condition::equal(STATE, attribute(state))
}

/// The record of a push that begins.
pub(super) fn pending(repository: &RepositoryName, digest: Digest, nonce: Nonce) -> Item {
    Item::new(&key::manifest(repository, digest))
        .set(STATE, attribute(ManifestState::Pending))
        .set(NONCE, nonce.to_string())
}

/// The change to another state, of the record with this key.
pub(super) fn turn(repository: &RepositoryName, digest: Digest, state: ManifestState) -> Update {
    Update::of(key::manifest(repository, digest)).set(STATE, attribute(state))
}

/// The change that makes it live. `subject` and type say where it is listed as
/// a referrer.
pub(super) fn make_live(
    manifest: &Manifest,
    subject: Option<(Digest, &str)>,
) -> StoreResult<Update> {
    let (inline, object_key) = match &manifest.content {
        ManifestContent::Inline(bytes) => (Some(bytes), None),
        ManifestContent::Object(key) => (None, Some(key.to_string())),
    };
    Ok(
        turn(&manifest.repository, manifest.digest, ManifestState::Live)
            .set(ID, manifest.id.0)
            .set(MEDIA_TYPE, &manifest.media_type)
            .set(SIZE, manifest.size)
            .set(FACTS, json(&manifest.facts)?)
            .set(PUSHED_AT, manifest.pushed_at)
            .set(TOUCHED_AT, manifest.pushed_at)
            .set(INLINE, inline)
            .set(OBJECT_KEY, object_key)
            .set(SUBJECT, subject.map(|(digest, _)| digest.to_string()))
            .set(
                SUBJECT_TYPE,
                subject.map(|(_, artifact_type)| artifact_type),
            ),
    )
}

/// Whose record it is.
fn digest(repository: &RepositoryName, item: &Item) -> StoreResult<Digest> {
    let digest = item.partition_behind(&format!("M#{repository}@"))?.parse();
    digest.map_err(|error| item.damaged(key::PARTITION, error))
}

/// Reads all but the bytes of a record that is or was live.
fn decode_listed(repository: &RepositoryName, item: &Item) -> StoreResult<ListedManifest> {
    Ok(Manifest {
        repository: repository.clone(),
        digest: digest(repository, item)?,
        nonce: item.parsed(NONCE)?,
        id: ArtifactId(item.number(ID)?),
        media_type: item.text(MEDIA_TYPE)?.to_owned(),
        size: item.number(SIZE)?,
        content: (),
        facts: item.json(FACTS)?,
        pushed_at: item.time(PUSHED_AT)?,
    })
}

/// Reads a whole record that is or was live.
fn decode(repository: &RepositoryName, item: &Item) -> StoreResult<Manifest> {
    let inline = item.optional(INLINE, Item::bytes)?;
    let content = match (inline, item.optional(OBJECT_KEY, Item::parsed)?) {
        (Some(bytes), None) => ManifestContent::Inline(Bytes::copy_from_slice(bytes)),
        (None, Some(key)) => ManifestContent::Object(key),
        _ => return Err(item.damaged(INLINE, "the bytes are missing, or are there twice")),
    };
    Ok(decode_listed(repository, item)?.with_content(content))
}

/// What stands in the way of a new try.
pub(super) fn begun(repository: &RepositoryName, item: &Item) -> StoreResult<Begun> {
    Begun::find(Some(manifest_state::read(item)?))
        .with_live(|| decode(repository, item).map(Box::new))
}

/// State, nonce, and where it is listed as a referrer.
#[derive(Debug)]
pub(super) struct Head {
    /// The state and nonce.
    pub(super) state: (ManifestState, Nonce),
    /// Subject and artifact type, if it is a referrer.
    pub(super) subject: Option<(Digest, String)>,
}

impl DynamoStore {
    /// State and nonce of a manifest, and where it is listed as a referrer. The
    /// latter cannot change while the nonce stays.
    pub(super) async fn head(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> StoreResult<Option<Head>> {
        let key = key::manifest(repository, digest);
        let Some(item) = self.table.get_part(&key, HEAD).await? else {
            return Ok(None);
        };
        let subject = item.optional(SUBJECT, Item::parsed)?;
        let artifact_type = item.optional(SUBJECT_TYPE, Item::text)?;
        Ok(Some(Head {
            state: manifest_state::read(&item)?,
            subject: subject.zip(artifact_type.map(ToOwned::to_owned)),
        }))
    }

    /// The manifest, if it is in this state, which is not pending.
    pub(super) async fn manifest_in(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        wanted: ManifestState,
    ) -> StoreResult<Option<Manifest>> {
        let item = self.table.get(&key::manifest(repository, digest)).await?;
        match item {
            Some(item) if manifest_state::read(&item)?.0 == wanted => {
                decode(repository, &item).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Those of these manifests that are live, without their bytes.
    pub(super) async fn live_manifests(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> StoreResult<Vec<ListedManifest>> {
        let keys: Vec<_> = digests
            .iter()
            .map(|digest| key::manifest(repository, *digest))
            .collect();
        let mut live = Vec::new();
        for item in self.table.get_all(&keys, LISTED).await? {
            if manifest_state::read(&item)?.0 == ManifestState::Live {
                live.push(decode_listed(repository, &item)?);
            }
        }
        Ok(live)
    }
}

/// The refusal of a change that does not apply.
pub(super) fn changed(repository: &RepositoryName, digest: Digest) -> StoreError {
    StoreError::Conflict(format!("manifest {repository}@{digest}"))
}
