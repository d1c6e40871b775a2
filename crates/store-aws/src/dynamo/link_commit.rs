//! The one transaction that makes a blob visible.

use berth_domain::{LinkCommit, ObjectKey};
use berth_ports::{CommitLink, LinkSource, StoreResult};

use super::link_lists::{link_partition, list_partition};
use super::links::{GENERATION, LINK_ID, LINKED, OBJECT_KEY, PROJECT, SIZE, TOUCHED_AT};
use super::{Condition, DynamoStore, Item, Update, Write, key, outbox, uploads};

/// The blob's object is this one.
pub(super) fn is_blob(key: ObjectKey) -> Condition {
    Condition::equal(OBJECT_KEY, key.to_string())
}

/// The back-edge is there, and its link was not committed.
pub(super) fn is_pending() -> Condition {
    Condition::equal(LINKED, false)
}

/// The blob put, or its generation raised, and its object's key and size.
fn blob(commit: &CommitLink) -> (Write, ObjectKey, u64) {
    let place = key::blob(commit.digest);
    match &commit.source {
        LinkSource::NewBlob { key, size } => {
            let item = Item::new(&place)
                .set(OBJECT_KEY, key.to_string())
                .set(SIZE, *size)
                .set(GENERATION, 1_u64)
                .listed(&list_partition(commit.digest), &commit.digest.to_string());
            (Write::create(item), *key, *size)
        }
        LinkSource::Blob(blob) => {
            let raise = Update::of(place).add(GENERATION, 1);
            let write = Write::update(raise).when(is_blob(blob.key));
            (write, blob.key, blob.size)
        }
    }
}

fn link(commit: &CommitLink, key: ObjectKey, size: u64) -> Write {
    let CommitLink {
        repository, digest, ..
    } = commit;
    let item = Item::new(&key::link(repository, *digest))
        .set(PROJECT, commit.project.0)
        .set(LINK_ID, commit.id.to_string())
        .set(OBJECT_KEY, key.to_string())
        .set(SIZE, size)
        .set(TOUCHED_AT, commit.now)
        .listed(&link_partition(repository), &digest.to_string());
    Write::create(item)
}

impl DynamoStore {
    pub(super) async fn make_link(&self, commit: &CommitLink) -> StoreResult<LinkCommit> {
        let (blob, key, size) = blob(commit);
        let back_edge = key::back_edge(commit.digest, &commit.repository, commit.id);
        let linked = Update::of(back_edge).set(LINKED, true);
        let mut writes = vec![
            blob,
            Write::update(linked).when(is_pending()),
            link(commit, key, size),
        ];
        let session = writes.len();
        if let Some((id, epoch)) = commit.session {
            writes.push(uploads::end(id, epoch));
        }
        writes.extend(outbox::writes(&commit.jobs, self.now())?);
        Ok(match self.table.transact(writes).await? {
            Ok(()) => LinkCommit::Done,
            Err(refusals) if refusals.is_refused(session) => LinkCommit::Fenced,
            Err(_) => LinkCommit::Retry,
        })
    }
}
