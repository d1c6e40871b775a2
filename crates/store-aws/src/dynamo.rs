//! Metadata on one DynamoDB table.
//!
//! `docs/data-model.md` has the keys and the cost of every access; each
//! aggregate is a file of this module, as in `store-local`'s `sqlite`. All of
//! them stand on four things:
//!
//! **Keys** ([`key`]): one function per record, which makes its [`Key`];
//! constants and functions for partitions and the prefixes of sort keys.
//! [`key::number`] and [`key::time`] make texts that sort as numbers do.
//!
//! **Items** ([`item`]): written by `Item::new(&key).set("size", size)` (texts,
//! `i64`, `u64`, `bool`, times, bytes, and options, of which `None` makes no
//! attribute), read by `item.text("name")?`, `item.parsed("digest")?`,
//! `item.number("size")?`, `item.time("at")?`, `item.flag(..)?`,
//! `item.bytes(..)?`, and `item.optional("token", Item::parsed)?`. Values with
//! a structure go through [`item::json`] and `item.json("facts")?`. What
//! cannot be read is `StoreError::Corrupt`, naming item and attribute.
//! `item.listed(partition, sort)` lists a record in the table's one index.
//!
//! **Expressions** ([`expression`]): a [`Condition`] (`absent()`, `present()`,
//! `equal("nonce", ..)`, `less(..)`, `Has`, `Lacks`, `.and(..)`); an
//! [`Update`] (`Update::of(key).set(..).set("token", None::<&str>).add("version",
//! 1)`); a [`Write`], which is `put`, `create` (put if absent), `update` or
//! `delete`, and `.when(condition)`. No attribute's name can clash
//! with a reserved word.
//!
//! **The table** ([`table`]):
//!
//! | call | is | answers |
//! |---|---|---|
//! | `get`, `get_part`, `get_all` | strong reads by key | the items |
//! | `query(&Query::of(partition).beginning("R#").after(&sort), limit)` | a page, strongly; also `from`, `up_to`, `backwards`, `filtered`, `only`, `listed` | `Page<Item>` with `more` |
//! | `put`, `delete` | without condition | `()` |
//! | `write(Write)` | one write with its condition | `Ok(())` or [`Refused`] with what was found |
//! | `update(update, condition)` | one update | the whole new item, or [`Refused`] |
//! | `transact(vec![..])` | up to 100 writes, all or none | `Ok(())` or [`Refusals`], by the place of the write |
//! | `write_all(puts, deletes)` | batches of 25 without conditions | `()` |
//!
//! A refused condition is no error of the store: `write`, `update` and
//! `transact` return `StoreResult<Result<.., Refused or Refusals>>`, and the
//! port's method says what the refusal means. Whatever else goes wrong is
//! `StoreError::Unavailable`, after repetitions by the SDK (throttling, 5xx,
//! timeouts) and here (another transaction is at the record) until ten seconds
//! are over. Lost answers are taken care of: a single put or update with a
//! condition carries a write id in the attribute `w`, a transaction a client
//! token, a delete with a condition goes as a transaction of one, or as
//! `delete_if`, which does not tell whether anything was deleted. A try that was
//! given up may still be executed later, after other writes: a token stops that,
//! a write id does not. So a write whose condition may come true again goes
//! through `transact`, even if it is one.
//!
//! [`manifest_state`] reads and writes the state and nonce of a manifest's record.
//! Where a transaction needs a job in the outbox or an entry in the garbage
//! queue, it takes the [`Write`] that [`outbox`] or the queue's file makes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use berth_ports::{Clock, Ids};

use crate::Aws;
use expression::{Condition, Update, Write};
use item::Item;
use key::Key;
use sequences::Blocks;
use table::{Query, Refusals, Refused, Table};

pub use counter::{CallCounter, Calls};
pub use schema::TableError;
pub use sealing_key::DataKey;

mod access;
mod backoff;
mod check;
mod counter;
mod edges;
mod error;
mod expression;
mod gc;
mod item;
mod key;
mod leases;
mod link_commit;
mod link_lists;
mod links;
mod manifest_record;
mod manifest_state;
mod manifests;
mod members;
mod outbox;
mod projects;
mod referrers;
mod registries;
mod repositories;
mod runs;
mod schema;
mod sealing_key;
mod sequences;
mod shards;
mod signing_keys;
mod table;
mod tag_moves;
mod tags;
mod uploads;

/// Which table, and where.
#[derive(Clone, Debug)]
pub struct DynamoSettings {
    /// The table's name.
    pub table: String,
    /// The service's address; `None`: the environment's or the region's.
    pub endpoint: Option<String>,
}

/// All stores of metadata on one DynamoDB table.
///
/// Cheap to clone. It keeps nothing that another instance needs: numbers that
/// it has taken and not given out are skipped when it ends.
#[derive(Clone)]
pub struct DynamoStore {
    table: Table,
    clock: Arc<dyn Clock>,
    blocks: Arc<Blocks>,
}

/// One try of a call, body included.
const TRY: Duration = Duration::from_secs(3);
/// All tries of a call.
const CALL: Duration = Duration::from_secs(10);
/// How often a call is tried where that helps.
const TRIES: u32 = 5;
/// The first wait between tries; a random part of it.
const FIRST_WAIT: Duration = Duration::from_millis(50);

impl DynamoStore {
    /// The stores on this table. Makes no call.
    ///
    /// `clock` tells when jobs were written, `ids` tell the store's writes
    /// apart.
    pub fn open(
        aws: &Aws,
        settings: &DynamoSettings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let mut config = aws_sdk_dynamodb::config::Builder::from(aws.config())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(TRIES)
                    .with_initial_backoff(FIRST_WAIT),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(TRY)
                    .operation_attempt_timeout(TRY)
                    .operation_timeout(CALL)
                    .build(),
            );
        // Without one, the environment may have one.
        if let Some(endpoint) = &settings.endpoint {
            config.set_endpoint_url(Some(endpoint.clone()));
        }
        let client = Client::from_conf(config.build());
        Self {
            table: Table::new(client, &settings.table, ids),
            clock,
            blocks: Arc::default(),
        }
    }

    /// Counts its calls, and those of its clones made from now on.
    #[must_use]
    pub fn counted(mut self, counter: Arc<CallCounter>) -> Self {
        self.table.count(counter);
        self
    }

    fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DynamoStore")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
