//! The queue of what may be collected: one entry per enqueue, by due time,
//! spread over 16 partitions.
//!
//! An entry that is looked at before the transition that it announces is seen
//! whole would be decided about, and the transition forgotten. So one that is
//! written with or before its transition is held until that is acknowledged.
//! Where the process dies in between, it is held for a while that no transition
//! takes; one that is not due before that needs no hold.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use berth_oci::RepositoryName;
use berth_ports::{GcEntry, GcQueue, GcSubject, StoreError, StoreResult};
use jiff::Timestamp;

use super::shards::Shards;
use super::{DynamoStore, Item, Key, Query, Write, key};

const DUE: &str = "due";
const KIND: &str = "kind";
const REPOSITORY: &str = "repository";
const SUBJECT: &str = "subject";
/// The attribute that tells until when an entry is held.
const HELD_UNTIL: &str = "held_until";

/// Longer than any transition takes, and than clocks differ.
const HOLD: Duration = Duration::from_mins(5);

/// How many digits a time has in a sort key, and how many an entry's id has
/// behind it.
const DIGITS: (usize, usize) = (20, 32);

/// An entry that goes with a transition, held until that is acknowledged.
#[derive(Clone, Debug)]
pub(super) struct HeldEntry {
    key: Key,
    /// The entry, not held.
    item: Item,
    /// Until when it is held; `None` if it is due later than the transition is
    /// sure to be over.
    held_until: Option<Timestamp>,
}

impl HeldEntry {
    /// Puts it, as part of the transition.
    pub(super) fn write(&self) -> Write {
        Write::put(self.held())
    }

    fn held(&self) -> Item {
        self.item.clone().set(HELD_UNTIL, self.held_until)
    }
}

impl DynamoStore {
    /// An entry for what is seen whole already.
    pub(super) fn gc_entry(&self, subject: &GcSubject, due: Timestamp) -> Item {
        entry(&key::gc_entry(due, self.table.fresh()), subject, due)
    }

    /// An entry for what is about to be done.
    pub(super) fn held_gc_entry(&self, subject: &GcSubject, due: Timestamp) -> HeldEntry {
        let key = key::gc_entry(due, self.table.fresh());
        let end = self.now().checked_add(HOLD).unwrap_or(Timestamp::MAX);
        HeldEntry {
            item: entry(&key, subject, due),
            key,
            held_until: Some(end).filter(|end| due < *end),
        }
    }

    /// Puts an entry in a write of its own, before the transition.
    pub(super) async fn put_held(&self, entry: &HeldEntry) -> StoreResult<()> {
        self.table.put(entry.held()).await
    }

    /// Lets an entry be due as it says, now that its transition was
    /// acknowledged. Should this fail, it is due when the hold is over.
    pub(super) async fn release(&self, entry: HeldEntry) {
        if entry.held_until.is_none() {
            return;
        }
        // Whole: one that is gone was decided about before its transition was
        // seen, and is to be looked at again.
        if let Err(error) = self.table.put(entry.item).await {
            tracing::warn!(%error, "an entry of the garbage queue is due minutes late");
        }
    }

    /// Takes an entry back whose transition was refused. Should this fail, a
    /// sweep looks at what did not change.
    pub(super) async fn take_back(&self, entry: HeldEntry) {
        if let Err(error) = self.table.write(Write::delete(entry.key)).await {
            tracing::warn!(%error, "a needless entry stays in the garbage queue");
        }
    }
}

#[async_trait]
impl GcQueue for DynamoStore {
    async fn due(
        &self,
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<GcEntry>> {
        let after = after.map(key_of).transpose()?;
        // Ids are hexadecimal: all of them sort before this.
        let end = format!("{}~", key::time(now));
        let narrow = |query: Query| {
            let query = query.up_to(&end);
            match &after {
                Some(after) => query.after(&after.sort),
                None => query,
            }
        };
        let mut shards = Shards::of(&self.table, key::GC, limit, narrow);
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(item) = shards.next().await?
        {
            match decode_due(&item, now) {
                Ok(entry) => entries.extend(entry),
                Err(error) => {
                    tracing::error!(%error, "an entry of the garbage queue cannot be read, it is left alone");
                }
            }
        }
        Ok(entries)
    }

    async fn postpone(&self, entry: &GcEntry, due: Timestamp) -> StoreResult<()> {
        let old = key_of(&entry.key)?;
        self.table.put(self.gc_entry(&entry.subject, due)).await?;
        // Without a condition nothing is refused.
        self.table.write(Write::delete(old)).await.map(drop)
    }

    async fn decided(&self, keys: &[String]) -> StoreResult<()> {
        let keys: HashSet<_> = keys.iter().collect();
        let deletes: StoreResult<_> = keys.into_iter().map(|key| key_of(key)).collect();
        self.table.write_all(Vec::new(), deletes?).await
    }
}

fn entry(key: &Key, subject: &GcSubject, due: Timestamp) -> Item {
    let (kind, repository, subject) = match subject {
        GcSubject::Link(repository, digest) => ("link", Some(repository), digest.to_string()),
        GcSubject::Manifest(repository, digest) => {
            ("manifest", Some(repository), digest.to_string())
        }
        GcSubject::Child(repository, digest) => ("child", Some(repository), digest.to_string()),
        GcSubject::Blob(digest) => ("blob", None, digest.to_string()),
        GcSubject::Object(key) => ("object", None, key.to_string()),
    };
    Item::new(key)
        .set(DUE, due)
        .set(KIND, kind)
        .set(REPOSITORY, repository.map(RepositoryName::as_str))
        .set(SUBJECT, subject)
}

/// The entry, unless it is held.
fn decode_due(item: &Item, now: Timestamp) -> StoreResult<Option<GcEntry>> {
    match item.optional(HELD_UNTIL, Item::time)? {
        Some(end) if end > now => Ok(None),
        _ => decode(item).map(Some),
    }
}

fn decode(item: &Item) -> StoreResult<GcEntry> {
    let repository = item.optional(REPOSITORY, Item::parsed)?;
    let subject = match (item.text(KIND)?, repository) {
        ("link", Some(repository)) => GcSubject::Link(repository, item.parsed(SUBJECT)?),
        ("manifest", Some(repository)) => GcSubject::Manifest(repository, item.parsed(SUBJECT)?),
        ("child", Some(repository)) => GcSubject::Child(repository, item.parsed(SUBJECT)?),
        ("blob", None) => GcSubject::Blob(item.parsed(SUBJECT)?),
        ("object", None) => GcSubject::Object(item.parsed(SUBJECT)?),
        _ => return Err(item.damaged(KIND, "is no kind of entry")),
    };
    Ok(GcEntry {
        key: item.sort()?.to_owned(),
        due: item.time(DUE)?,
        subject,
    })
}

/// Where the entry is that the port calls so: by its sort key, which ends in an
/// id, which says the partition.
fn key_of(text: &str) -> StoreResult<Key> {
    let is_key = text.split_at_checked(DIGITS.0).is_some_and(|(due, id)| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        due.bytes().all(|byte| byte.is_ascii_digit())
            && id.len() == DIGITS.1
            && id.bytes().all(is_hex)
    });
    if !is_key {
        return Err(StoreError::NotFound(format!("gc queue key {text:?}")));
    }
    Ok(Key::new(
        key::queue(key::GC, key::shard_of_text(text)),
        text,
    ))
}

#[cfg(test)]
mod tests {
    use berth_domain::FreshId;

    use super::*;

    #[test]
    fn an_entrys_name_leads_back_to_its_key() {
        for id in [0, 15, 0xabc, u128::MAX] {
            let key = key::gc_entry(Timestamp::UNIX_EPOCH, FreshId(id));
            assert_eq!(key_of(&key.sort).unwrap(), key);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "0".repeat(53);
        for text in [
            "",
            "0",
            &long[..51],
            &long,
            &"é".repeat(26),
            &"x".repeat(52),
        ] {
            assert!(
                matches!(key_of(text), Err(StoreError::NotFound(_))),
                "{text}"
            );
        }
    }
}
