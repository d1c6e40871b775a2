//! What the registry holds.

use std::collections::BTreeMap;

use berth_oci::Digest;
use serde_json::{Value, json};

use super::body::Source;
use crate::image::{Content, Format};

/// One repository: manifests, tags and blobs.
#[derive(Debug, Default)]
pub(super) struct Repository {
    manifests: BTreeMap<Digest, Content>,
    tags: BTreeMap<String, Digest>,
    blobs: BTreeMap<Digest, Source>,
}

impl Repository {
    pub(super) fn put_manifest(&mut self, manifest: Content) {
        self.manifests.insert(manifest.digest, manifest);
    }

    pub(super) fn put_tag(&mut self, tag: &str, digest: Digest) {
        self.tags.insert(tag.to_owned(), digest);
    }

    pub(super) fn put_blob(&mut self, digest: Digest, source: Source) {
        self.blobs.insert(digest, source);
    }

    pub(super) fn delete_tag(&mut self, tag: &str) {
        self.tags.remove(tag);
    }

    /// Deletes a manifest with its tags, or a blob.
    pub(super) fn delete(&mut self, digest: &Digest) {
        self.manifests.remove(digest);
        self.tags.retain(|_, tagged| tagged != digest);
        self.blobs.remove(digest);
    }

    pub(super) fn blob(&self, digest: &Digest) -> Option<&Source> {
        self.blobs.get(digest)
    }

    /// The manifest that a tag or a digest means.
    pub(super) fn manifest(&self, reference: &str) -> Option<&Content> {
        let digest = match self.tags.get(reference) {
            Some(digest) => *digest,
            None => reference.parse().ok()?,
        };
        self.manifests.get(&digest)
    }

    /// At most `count` tags behind `last`, and whether there are more.
    pub(super) fn tags(&self, last: &str, count: usize) -> (Vec<&str>, bool) {
        let mut behind = self
            .tags
            .keys()
            .map(String::as_str)
            .filter(|tag| *tag > last);
        let page = behind.by_ref().take(count).collect();
        (page, behind.next().is_some())
    }

    /// The index of what refers to `subject`, perhaps of one type only.
    pub(super) fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Value {
        let subject = subject.to_string();
        let referrers: Vec<_> = self
            .manifests
            .values()
            .filter_map(|content| Some((content, serde_json::from_slice(&content.bytes).ok()?)))
            .filter(|(_, manifest): &(_, Value)| manifest["subject"]["digest"] == *subject)
            .map(|(content, manifest)| referrer(content, &manifest))
            .filter(|referrer| {
                artifact_type.is_none_or(|wanted| referrer["artifactType"] == wanted)
            })
            .collect();
        json!({
            "schemaVersion": 2,
            "mediaType": Format::Oci.index(),
            "manifests": referrers,
        })
    }
}

fn referrer(content: &Content, manifest: &Value) -> Value {
    let mut descriptor = content.descriptor();
    let artifact_type = match &manifest["artifactType"] {
        Value::Null => &manifest["config"]["mediaType"],
        artifact_type => artifact_type,
    };
    descriptor["artifactType"] = artifact_type.clone();
    if manifest["annotations"].is_object() {
        descriptor["annotations"] = manifest["annotations"].clone();
    }
    descriptor
}
