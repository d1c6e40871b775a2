//! A queue's partitions as one list.

use std::collections::VecDeque;

use berth_domain::Page;
use berth_ports::StoreResult;
use futures_util::future::try_join_all;

use super::key::{self, SHARDS};
use super::{Item, Query, Table};

/// How many entries of a partition are read at once, at most.
const PAGE: usize = 500;

/// One partition: what was read of it, and whether there is more.
#[derive(Debug)]
struct Shard {
    query: Query,
    read: VecDeque<Item>,
    more: bool,
}

/// The entries of a queue by their sort keys, read as they are taken.
#[derive(Debug)]
pub(super) struct Shards<'a> {
    table: &'a Table,
    partitions: Vec<Shard>,
    page: usize,
}

impl<'a> Shards<'a> {
    /// Of each partition of `queue` the part that `narrow` makes of it. About
    /// `wanted` entries will be taken.
    pub(super) fn of(
        table: &'a Table,
        queue: &str,
        wanted: usize,
        narrow: impl Fn(Query) -> Query,
    ) -> Self {
        let shard = |number| Shard {
            query: narrow(Query::of(key::queue(queue, number))),
            read: VecDeque::new(),
            more: true,
        };
        Self {
            table,
            partitions: (0..SHARDS).map(shard).collect(),
            // Twice a partition's share: few need a second look.
            page: (wanted / usize::from(SHARDS / 2) + 1).min(PAGE),
        }
    }

    /// Takes the entry with the smallest sort key of those that are left.
    pub(super) async fn next(&mut self) -> StoreResult<Option<Item>> {
        self.refill().await?;
        let mut first: Option<(&str, usize)> = None;
        for (number, shard) in self.partitions.iter().enumerate() {
            if let Some(item) = shard.read.front() {
                let sort = item.sort()?;
                if first.is_none_or(|(smallest, _)| sort < smallest) {
                    first = Some((sort, number));
                }
            }
        }
        let Some(number) = first.map(|(_, number)| number) else {
            return Ok(None);
        };
        let shard = &mut self.partitions[number];
        let item = shard.read.pop_front();
        if let Some(item) = &item
            && shard.read.is_empty()
        {
            shard.query = shard.query.clone().after(item.sort()?);
        }
        Ok(item)
    }

    /// Reads on where all that was read has been taken.
    async fn refill(&mut self) -> StoreResult<()> {
        let (table, page) = (self.table, self.page);
        let empty = self
            .partitions
            .iter_mut()
            .filter(|shard| shard.read.is_empty() && shard.more);
        try_join_all(empty.map(|shard| async move {
            let Page { items, more } = table.query(&shard.query, page).await?;
            (shard.read, shard.more) = (items.into(), more);
            Ok(())
        }))
        .await?;
        Ok(())
    }
}
