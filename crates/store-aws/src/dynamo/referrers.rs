//! Referrers: the manifests of a subject, by artifact type and digest. They
//! stand with the subject, which need not be there. One is hidden while its
//! manifest is being deleted.

use berth_domain::{Page, Referrer};
use berth_oci::{Digest, RepositoryName};
use berth_ports::StoreResult;

use super::item::json;
use super::{Condition, DynamoStore, Item, Key, Query, Update, Write, key};

const MEDIA_TYPE: &str = "media_type";
const SIZE: &str = "size";
const ANNOTATIONS: &str = "annotations";
const HIDDEN: &str = "hidden";

/// The longest artifact type, in bytes (RFC 9110, 8.3.1, as the manifests'
/// parser has it).
const MAX_TYPE: usize = 255;

/// The artifact type as part of the key.
pub(super) fn type_text(referrer: &Referrer) -> &str {
    referrer.artifact_type.as_deref().unwrap_or_default()
}

/// Where a manifest's place among the referrers of its subject is.
pub(super) fn key_of(
    repository: &RepositoryName,
    (subject, artifact_type): (Digest, &str),
    digest: Digest,
) -> Key {
    Key::new(
        key::manifest_partition(repository, subject),
        key::referrer(artifact_type, digest),
    )
}

/// Lists a manifest as a referrer.
pub(super) fn put(
    repository: &RepositoryName,
    subject: Digest,
    referrer: &Referrer,
) -> StoreResult<Write> {
    let place = (subject, type_text(referrer));
    let annotations = referrer.annotations.as_ref().map(json).transpose()?;
    let item = Item::new(&key_of(repository, place, referrer.digest))
        .set(MEDIA_TYPE, &referrer.media_type)
        .set(SIZE, referrer.size)
        .set(ANNOTATIONS, annotations);
    Ok(Write::put(item))
}

/// Hides or shows it.
pub(super) fn set_hidden(key: Key, hidden: bool) -> Write {
    Write::update(Update::of(key).set(HIDDEN, hidden.then_some(true)))
}

fn decode(item: &Item) -> StoreResult<Referrer> {
    let parsed = item
        .sort_behind(key::REFERRER)?
        .rsplit_once(' ')
        .and_then(|(artifact_type, digest)| Some((artifact_type, digest.parse().ok()?)));
    let (artifact_type, digest) =
        parsed.ok_or_else(|| item.damaged(key::SORT, "is no referrer"))?;
    Ok(Referrer {
        digest,
        media_type: item.text(MEDIA_TYPE)?.to_owned(),
        size: item.number(SIZE)?,
        artifact_type: Some(artifact_type.to_owned()).filter(|text| !text.is_empty()),
        annotations: item.optional(ANNOTATIONS, Item::json)?,
    })
}

impl DynamoStore {
    pub(super) async fn referrers_of(
        &self,
        repository: &RepositoryName,
        subject: Digest,
        artifact_type: Option<&str>,
        after: Option<(&str, Digest)>,
        limit: usize,
    ) -> StoreResult<Page<Referrer>> {
        let mut query = Query::of(key::manifest_partition(repository, subject))
            .beginning(key::REFERRER)
            .filtered(Condition::Lacks(HIDDEN));
        // Nothing has a longer type, and a key would not hold it.
        let is_none = |text: &str| text.len() > MAX_TYPE;
        if let Some(artifact_type) = artifact_type {
            if is_none(artifact_type) {
                return Ok(Page::from_overread(Vec::new(), limit));
            }
            query = query.beginning(&format!("{}{artifact_type} ", key::REFERRER));
        }
        if let Some((artifact_type, digest)) = after {
            let end = artifact_type.floor_char_boundary(MAX_TYPE + 1);
            query = query.after(&key::referrer(&artifact_type[..end], digest));
        }
        let Page { items, more } = self.table.query(&query, limit).await?;
        let items: StoreResult<_> = items.iter().map(decode).collect();
        Ok(Page {
            items: items?,
            more,
        })
    }
}
