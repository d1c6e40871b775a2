//! Upload sessions. The epoch is the fence: each write names the one it holds.
//!
//! Each session has an entry in a queue by the time when it was last looked at.
//! A touch leaves the entry where it is: whoever looks for idle sessions files
//! it again.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use berth_domain::{Envelope, Page, UploadId, UploadSession, WriteState};
use berth_oci::Hasher;
use berth_ports::{StoreError, StoreResult, UploadStore};
use jiff::Timestamp;

use super::shards::Shards;
use super::{Condition, DynamoStore, Item, Key, Query, Refused, Update, Write, key, outbox};

const ID: &str = "id";
const REPOSITORY: &str = "repository";
const OBJECT_KEY: &str = "object_key";
const EPOCH: &str = "epoch";
const POSITION: &str = "position";
const HASH: &str = "hash";
const PROGRESS: &str = "progress";
const CREATED_AT: &str = "created_at";
const TOUCHED_AT: &str = "touched_at";

/// Ends a session that is at this epoch, as part of a transaction.
pub(super) fn end(id: UploadId, epoch: u64) -> Write {
    Write::delete(key::upload(id)).when(is_at(epoch))
}

fn is_at(epoch: u64) -> Condition {
    Condition::equal(EPOCH, epoch)
}

/// Why a write that named an epoch changed nothing.
fn fenced(id: UploadId, found: Option<&Item>) -> StoreError {
    match found {
        Some(_) => StoreError::Conflict(label(id)),
        None => StoreError::NotFound(label(id)),
    }
}

fn label(id: UploadId) -> String {
    format!("upload session {id}")
}

#[async_trait]
impl UploadStore for DynamoStore {
    async fn create_upload(&self, session: &UploadSession) -> StoreResult<()> {
        let place = key::idle_upload(session.touched_at, session.id);
        // As a transaction: a repetition that arrives late must not revive a
        // session that has ended.
        let writes = vec![
            Write::create(encode(session)),
            Write::put(idle_entry(session.id, &place)),
        ];
        let done = self.table.transact(writes).await?;
        done.map_err(|_| StoreError::AlreadyExists(label(session.id)))
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<UploadSession>> {
        let item = self.table.get(&key::upload(id)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn claim_upload(
        &self,
        id: UploadId,
        epoch: u64,
        now: Timestamp,
    ) -> StoreResult<UploadSession> {
        let claim = Update::of(key::upload(id))
            .set(EPOCH, epoch + 1)
            .set(TOUCHED_AT, now);
        match self.table.update(claim, is_at(epoch)).await? {
            Ok(item) => decode(&item),
            Err(Refused { found }) => Err(fenced(id, found.as_ref())),
        }
    }

    async fn checkpoint_upload(
        &self,
        id: UploadId,
        epoch: u64,
        state: &WriteState,
        now: Timestamp,
    ) -> StoreResult<()> {
        let checkpoint = Update::of(key::upload(id))
            .set(POSITION, state.offset)
            .set(HASH, state.hash.save())
            .set(PROGRESS, state.progress.as_slice())
            .set(TOUCHED_AT, now);
        self.change_upload(id, epoch, checkpoint).await
    }

    async fn touch_upload(&self, id: UploadId, epoch: u64, now: Timestamp) -> StoreResult<()> {
        let touch = Update::of(key::upload(id)).set(TOUCHED_AT, now);
        self.change_upload(id, epoch, touch).await
    }

    async fn delete_upload(&self, id: UploadId, epoch: u64, jobs: &[Envelope]) -> StoreResult<()> {
        let mut writes = vec![end(id, epoch)];
        writes.extend(outbox::writes(jobs, self.now())?);
        let done = self.table.transact(writes).await?;
        done.map_err(|mut refusals| fenced(id, refusals.found(0).as_ref()))
    }

    async fn idle_uploads(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Page<UploadSession>> {
        loop {
            let (idle, moves) = self.look_for_idle(before, limit).await?;
            if moves.is_empty() {
                return Ok(Page::from_overread(idle, limit));
            }
            self.file_again(moves).await?;
        }
    }
}

/// Entries that are not where their sessions say, and where those are to be
/// filed.
#[derive(Debug, Default)]
struct Moves {
    puts: HashMap<UploadId, Item>,
    deletes: Vec<Key>,
}

impl Moves {
    fn is_empty(&self) -> bool {
        self.deletes.is_empty()
    }
}

impl DynamoStore {
    async fn change_upload(&self, id: UploadId, epoch: u64, update: Update) -> StoreResult<()> {
        let change = Write::update(update).when(is_at(epoch));
        let done = self.table.write(change).await?;
        done.map_err(|Refused { found }| fenced(id, found.as_ref()))
    }

    /// The longest-idle sessions by their entries, one more than asked for, and
    /// what is to be done about entries that are wrong.
    async fn look_for_idle(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<(Vec<UploadSession>, Moves)> {
        // An entry of that very time is longer, and sorts behind.
        let end = key::time(before);
        let wanted = limit.saturating_add(1);
        let narrow = |query: Query| query.up_to(&end);
        let mut shards = Shards::of(&self.table, key::UPLOADS, wanted, narrow);
        let (mut idle, mut moves) = (Vec::new(), Moves::default());
        while idle.len() < wanted && moves.is_empty() {
            let mut entries = Vec::new();
            while entries.len() < wanted - idle.len()
                && let Some(entry) = shards.next().await?
            {
                entries.push(entry);
            }
            if entries.is_empty() {
                break;
            }
            idle.extend(self.sessions_of(&entries, &mut moves).await?);
        }
        Ok((idle, moves))
    }

    /// The sessions of entries that are where they belong, in their order.
    async fn sessions_of(
        &self,
        entries: &[Item],
        moves: &mut Moves,
    ) -> StoreResult<Vec<UploadSession>> {
        let mut ids: Vec<UploadId> = Vec::with_capacity(entries.len());
        for entry in entries {
            ids.push(entry.parsed(ID)?);
        }
        let keys: HashSet<_> = ids.iter().map(|id| key::upload(*id)).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        let mut found: HashMap<UploadId, Item> = HashMap::new();
        for item in self.table.get_all(&keys, &[]).await? {
            found.insert(item.parsed(ID)?, item);
        }
        let mut idle = Vec::new();
        for (entry, id) in entries.iter().zip(ids) {
            let place = entry.key()?;
            let Some(session) = found.get(&id) else {
                moves.deletes.push(place);
                continue;
            };
            let belongs = key::idle_upload(session.time(TOUCHED_AT)?, id);
            if belongs != place {
                moves.puts.insert(id, idle_entry(id, &belongs));
                moves.deletes.push(place);
                continue;
            }
            match decode(session) {
                Ok(session) => idle.push(session),
                Err(error) => tracing::error!(%error, "a session cannot be read, it is left alone"),
            }
        }
        Ok(idle)
    }

    /// Files entries again. Those that are put are there before those that go.
    async fn file_again(&self, moves: Moves) -> StoreResult<()> {
        let Moves { puts, deletes } = moves;
        self.table
            .write_all(puts.into_values().collect(), Vec::new())
            .await?;
        self.table.write_all(Vec::new(), deletes).await
    }
}

/// The entry in the queue that a session has at this place.
fn idle_entry(id: UploadId, place: &Key) -> Item {
    Item::new(place).set(ID, id.to_string())
}

fn encode(session: &UploadSession) -> Item {
    let state = &session.state;
    Item::new(&key::upload(session.id))
        .set(ID, session.id.to_string())
        .set(REPOSITORY, session.repository.as_str())
        .set(OBJECT_KEY, session.key.to_string())
        .set(EPOCH, session.epoch)
        .set(POSITION, state.offset)
        .set(HASH, state.hash.save())
        .set(PROGRESS, state.progress.as_slice())
        .set(CREATED_AT, session.created_at)
        .set(TOUCHED_AT, session.touched_at)
}

fn decode(item: &Item) -> StoreResult<UploadSession> {
    let hash = Hasher::restore(item.bytes(HASH)?)
        .ok_or_else(|| item.damaged(HASH, "is damaged or of a newer version"))?;
    Ok(UploadSession {
        id: item.parsed(ID)?,
        repository: item.parsed(REPOSITORY)?,
        key: item.parsed(OBJECT_KEY)?,
        epoch: item.number(EPOCH)?,
        state: WriteState {
            offset: item.number(POSITION)?,
            hash,
            progress: item.bytes(PROGRESS)?.to_vec(),
        },
        created_at: item.time(CREATED_AT)?,
        touched_at: item.time(TOUCHED_AT)?,
    })
}
