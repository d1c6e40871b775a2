//! What clients were told, and so may rely on.

use std::collections::{BTreeMap, BTreeSet};

use berth_domain::UploadId;
use berth_oci::{Digest, RepositoryName, TagName};
use bytes::Bytes;

/// What clients asked for. Each tag is set by one client after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The tags that a manifest was pushed with, in this order.
    pub(super) tags: BTreeMap<(RepositoryName, Digest), Vec<TagName>>,
    /// The manifests that a tag was set to, in this order.
    pub(super) history: BTreeMap<(RepositoryName, TagName), Vec<Digest>>,
    /// What was deleted, in this order.
    pub(super) deleted: Vec<Deletion>,
    /// Uploads with what is sent to them.
    pub(super) uploads: BTreeMap<UploadId, Bytes>,
}

/// What a client deletes by its digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deletion {
    Manifest(RepositoryName, Digest),
    /// One that no manifest names.
    Blob(RepositoryName, Digest),
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Blob(RepositoryName, Digest),
    Manifest(RepositoryName, Digest),
    Deleted,
}

impl Told {
    /// What the head of an answer promises, if it does.
    pub(super) fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?;
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ")?;
            headers.insert(name.to_ascii_lowercase(), value);
        }
        match status {
            "201" => Self::created(headers.get("location")?),
            // An upload may be lost: its answers have a location.
            "202" => (!headers.contains_key("location")).then_some(Self::Deleted),
            _ => None,
        }
    }

    fn created(location: &str) -> Option<Self> {
        let (_, name) = location.split_once("/v2/")?;
        if let Some((repository, digest)) = name.split_once("/blobs/") {
            return Some(Self::Blob(repository.parse().ok()?, digest.parse().ok()?));
        }
        let (repository, digest) = name.split_once("/manifests/")?;
        Some(Self::Manifest(
            repository.parse().ok()?,
            digest.parse().ok()?,
        ))
    }
}

/// The upload that a location is of.
pub(super) fn upload_of(location: &str) -> Option<UploadId> {
    let (_, id) = location.split_once("/blobs/uploads/")?;
    id.split(['?', '/']).next()?.parse().ok()
}

/// What must be there.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) blobs: BTreeSet<(RepositoryName, Digest)>,
    pub(super) manifests: BTreeSet<(RepositoryName, Digest)>,
    /// What each tag may be: what it was set to last, or what came after.
    pub(super) tags: BTreeMap<(RepositoryName, TagName), Vec<Digest>>,
    /// What must not be there.
    pub(super) deleted: BTreeSet<Deletion>,
}

impl Expected {
    pub(super) fn after(asked: &Asked, told: &[Told]) -> Self {
        let mut expected = Self::default();
        let mut pushes: BTreeMap<_, usize> = BTreeMap::new();
        for told in told {
            match told {
                Told::Blob(repository, digest) => {
                    expected.blobs.insert((repository.clone(), *digest));
                }
                Told::Manifest(repository, digest) => {
                    let manifest = (repository.clone(), *digest);
                    let count = pushes.entry(manifest.clone()).or_default();
                    let tags = &asked.tags[&manifest];
                    if let Some(tag) = tags.get(*count) {
                        expected.tag(asked, repository, tag, *digest);
                    }
                    *count += 1;
                    expected.manifests.insert(manifest);
                }
                Told::Deleted => {
                    let deletion = &asked.deleted[expected.deleted.len()];
                    expected.deleted.insert(deletion.clone());
                }
            }
        }
        // What may be being deleted may be gone.
        for deletion in &asked.deleted {
            expected.release(deletion);
        }
        expected
    }

    /// Nobody relies any more on what is deleted, nor on a manifest's tags.
    fn release(&mut self, deletion: &Deletion) {
        match deletion {
            Deletion::Blob(repository, digest) => {
                self.blobs.remove(&(repository.clone(), *digest));
            }
            Deletion::Manifest(repository, digest) => {
                self.manifests.remove(&(repository.clone(), *digest));
                self.tags
                    .retain(|(other, _), digests| other != repository || !digests.contains(digest));
            }
        }
    }

    /// Whether nobody was told anything.
    pub(super) fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    fn tag(&mut self, asked: &Asked, repository: &RepositoryName, tag: &TagName, digest: Digest) {
        let tag = (repository.clone(), tag.clone());
        let history = &asked.history[&tag];
        let place = history.iter().position(|other| *other == digest).unwrap();
        self.tags.insert(tag, history[place..].to_vec());
    }
}

#[test]
fn answers_promise_what_their_heads_say() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let id = "01a1fe2655837d9fb5a2f8062ab4592d";
    let repository: RepositoryName = "library/a".parse().unwrap();
    let parse = |head: String| Told::parse(&head);
    let created = parse(format!(
        "HTTP/1.1 201 Created\r\nlocation: /v2/library/a/blobs/{digest}"
    ));
    let blob = Told::Blob(repository.clone(), digest.parse().unwrap());
    assert_eq!(created, Some(blob));
    let created = parse(format!(
        "HTTP/1.1 201 Created\r\nLocation: http://h/v2/library/a/manifests/{digest}"
    ));
    let manifest = Told::Manifest(repository, digest.parse().unwrap());
    assert_eq!(created, Some(manifest));
    let location = format!("location: /v2/library/a/blobs/uploads/{id}?epoch=1");
    let accepted = parse(format!("HTTP/1.1 202 Accepted\r\n{location}"));
    assert_eq!(accepted, None);
    assert_eq!(upload_of(&location), Some(id.parse().unwrap()));
    let deleted = parse("HTTP/1.1 202 Accepted\r\ncontent-length: 0".to_owned());
    assert_eq!(deleted, Some(Told::Deleted));
    assert_eq!(parse("HTTP/1.1 200 OK\r\nlocation: /".to_owned()), None);
}
