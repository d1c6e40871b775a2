//! The outbox: jobs written with the change that causes them, spread over 16
//! partitions by their ids.

use async_trait::async_trait;
use berth_domain::{Envelope, JOB_VERSION, JobId};
use berth_ports::{Outbox, StoreError, StoreResult};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::Deserialize;

use super::key::SHARDS;
use super::{Condition, DynamoStore, Item, Query, Write, key};

/// The attribute that holds the job: its own JSON, which carries its version.
const ENVELOPE: &str = "envelope";
/// The attribute that tells when it was written.
const WRITTEN_AT: &str = "written_at";

/// How many partitions are read at once.
const AT_ONCE: usize = 4;

/// Adds jobs, as part of the transaction that causes them.
pub(super) fn writes(jobs: &[Envelope], written_at: Timestamp) -> StoreResult<Vec<Write>> {
    let write = |job: &Envelope| {
        let envelope = serde_json::to_string(job).map_err(StoreError::unavailable)?;
        let item = Item::new(&key::outbox(job.id))
            .set(ENVELOPE, envelope)
            .set(WRITTEN_AT, written_at);
        Ok(Write::put(item))
    };
    jobs.iter().map(write).collect()
}

#[async_trait]
impl Outbox for DynamoStore {
    /// As the port has it; of a partition in which more than `limit` are
    /// unsent, not the oldest ones.
    async fn unsent(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<Envelope>> {
        let shards = (0..SHARDS).map(|shard| self.unsent_of(shard, before, limit));
        // Few at once: jobs may be large, and not all are kept.
        let mut shards = stream::iter(shards).buffer_unordered(AT_ONCE);
        let mut unsent = Vec::new();
        while let Some(shard) = shards.try_next().await? {
            unsent.extend(shard);
            unsent.sort_by_key(|(written_at, job)| (*written_at, job.id));
            unsent.truncate(limit);
        }
        Ok(unsent.into_iter().map(|(_, job)| job).collect())
    }

    async fn sent(&self, id: JobId) -> StoreResult<()> {
        let sent = Write::delete(key::outbox(id));
        // Without a condition nothing is refused.
        self.table.write(sent).await.map(drop)
    }
}

impl DynamoStore {
    /// Unsent jobs of a partition that can be read. The others are logged and
    /// stay: they wait for a version that can read them, and hold up no other.
    async fn unsent_of(
        &self,
        shard: u8,
        before: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<(Timestamp, Envelope)>> {
        let mut query =
            Query::of(key::queue(key::OUTBOX, shard)).filtered(Condition::less(WRITTEN_AT, before));
        let mut unsent = Vec::new();
        loop {
            let page = self.table.query(&query, limit - unsent.len()).await?;
            for item in &page.items {
                match decode(item) {
                    Ok(job) => unsent.push((item.time(WRITTEN_AT)?, job)),
                    Err(error) => tracing::error!(%error, "a job cannot be read, it is left alone"),
                }
            }
            match page.items.last() {
                Some(last) if page.more && unsent.len() < limit => {
                    query = query.after(last.sort()?);
                }
                _ => return Ok(unsent),
            }
        }
    }
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

fn decode(item: &Item) -> StoreResult<Envelope> {
    let text = item.text(ENVELOPE)?;
    let damaged = |error: serde_json::Error| item.damaged(ENVELOPE, error);
    let Versioned { v } = serde_json::from_str(text).map_err(damaged)?;
    if v > JOB_VERSION {
        return Err(item.damaged(ENVELOPE, format!("version {v} is not known")));
    }
    serde_json::from_str(text).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(envelope: &str) -> StoreResult<Envelope> {
        let key = key::outbox("000000000000000000000000000000ab".parse().unwrap());
        decode(&Item::new(&key).set(ENVELOPE, envelope))
    }

    #[test]
    fn a_job_of_version_1_is_read() {
        let text =
            r#"{"v":1,"id":"000000000000000000000000000000ab","job":{"kind":"sweep_uploads"}}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn a_job_of_a_newer_version_is_refused() {
        let error = read(r#"{"v":2,"id":"?","job":"?"}"#).unwrap_err();
        assert!(
            error.to_string().ends_with("version 2 is not known"),
            "{error}"
        );
    }
}
