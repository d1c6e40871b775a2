//! What the DynamoDB behind a table really does.

use berth_domain::FreshId;
use berth_ports::{Finding, StoreResult};
use futures_util::future::BoxFuture;

use super::expression::{Update, Write};
use super::item::Item;
use super::key::{self, Key};
use super::schema::EXPIRES;
use super::table::{Query, Table};
use super::{DynamoStore, TableError};
use crate::check::{Doubt, Probed, finding};

/// After which a record is forgotten that a check could not delete.
const FORGOTTEN_AFTER: i64 = 24 * 60 * 60;

/// The attribute that the probes write.
const VALUE: &str = "value";

/// How often a read is tried that must be strong.
const READS: i64 = 10;

/// A check's own records: one partition, which nothing else reads.
struct Scratch {
    id: FreshId,
    /// In seconds since 1970.
    expires: i64,
}

impl Scratch {
    fn key(&self, name: &str) -> Key {
        key::check(self.id, name)
    }

    fn item(&self, name: &str, value: i64) -> Item {
        let item = Item::new(&self.key(name)).set(VALUE, value);
        item.set(EXPIRES, self.expires)
    }
}

impl DynamoStore {
    /// Probes what DynamoDB does, with records of its own, which are deleted in
    /// the end.
    pub async fn check(&self) -> Vec<Finding> {
        let scratch = Scratch {
            id: self.table.fresh(),
            expires: self.now().as_second() + FORGOTTEN_AFTER,
        };
        let there = self.has_table().await;
        let is_lost = there.as_ref().is_err_and(Doubt::is_final);
        let mut findings = vec![finding("DynamoDB: table", there)];
        for (name, probe) in self.probes(&scratch) {
            let probed = if is_lost {
                Err(Doubt::skipped("the table cannot be used"))
            } else {
                probe.await
            };
            findings.push(finding(name, probed));
        }
        findings
    }

    /// All probes, in the order in which they are made: the last cleans up.
    fn probes<'a>(&'a self, scratch: &'a Scratch) -> Vec<(&'static str, BoxFuture<'a, Probed>)> {
        let table = &self.table;
        vec![
            ("DynamoDB: expiry", Box::pin(self.expires())),
            (
                "DynamoDB: strong reads",
                Box::pin(reads_strongly(table, scratch)),
            ),
            (
                "DynamoDB: conditional writes",
                Box::pin(refuses_second_write(table, scratch)),
            ),
            (
                "DynamoDB: transactions",
                Box::pin(does_all_or_nothing(table, scratch)),
            ),
            (
                "DynamoDB: repeated transactions",
                Box::pin(recognises_token(table, scratch)),
            ),
            ("DynamoDB: lists", Box::pin(lists_in_order(table, scratch))),
            ("DynamoDB: index", Box::pin(has_index(table, scratch))),
            ("DynamoDB: deletes", Box::pin(clear(table, scratch))),
        ]
    }

    async fn has_table(&self) -> Probed {
        self.check_table().await.map_err(|error| match error {
            TableError::Store(error) => error.into(),
            other => Doubt::fails(other.to_string()),
        })
    }

    async fn expires(&self) -> Probed {
        match self.has_expiry().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Doubt::warns(
                "time to live is off, records of ended leases stay: turn it on for the attribute `expires`",
            )),
            Err(error) => Err(Doubt::from(error).mild()),
        }
    }
}

/// A read that is to be strong sees what was written before it.
async fn reads_strongly(table: &Table, scratch: &Scratch) -> Probed {
    const NAME: &str = "read";
    for value in 0..READS {
        table.put(scratch.item(NAME, value)).await?;
        if read(table, scratch, NAME).await? != Some(value) {
            return Err(Doubt::fails(
                "a strong read gives an older record than was written: use another store",
            ));
        }
    }
    Ok(())
}

/// A write whose condition does not hold does nothing, and tells what is there.
async fn refuses_second_write(table: &Table, scratch: &Scratch) -> Probed {
    const NAME: &str = "conditional";
    table.put(scratch.item(NAME, 1)).await?;
    let again = Write::create(scratch.item(NAME, 2));
    match table.write(again).await? {
        Ok(()) => Err(Doubt::fails(
            "conditions are ignored, records could be written over: use another store",
        )),
        Err(refused) if value_of(refused.found.as_ref())? != Some(1) => Err(Doubt::fails(
            "a refused write does not give the record that is there: use another store",
        )),
        Err(_) => Ok(()),
    }
}

/// A transaction is done whole, or not at all.
async fn does_all_or_nothing(table: &Table, scratch: &Scratch) -> Probed {
    let create = |name| Write::create(scratch.item(name, 1));
    let creates = [["first", "second"], ["third", "second"]];
    if table
        .transact(creates[0].map(create).into())
        .await?
        .is_err()
    {
        return Err(Doubt::fails(
            "a transaction is refused though its conditions hold: use another store",
        ));
    }
    let refused = match table.transact(creates[1].map(create).into()).await? {
        Ok(()) => {
            return Err(Doubt::fails(
                "conditions of transactions are ignored: use another store",
            ));
        }
        Err(refusals) => refusals.is_refused(1) && !refusals.is_refused(0),
    };
    let all = read(table, scratch, "first").await?.is_some()
        && read(table, scratch, "second").await?.is_some();
    let nothing = read(table, scratch, "third").await?.is_none();
    match (refused, all && nothing) {
        (true, true) => Ok(()),
        (false, _) => Err(Doubt::fails(
            "a refused transaction does not tell which condition did not hold: use another store",
        )),
        (_, false) => Err(Doubt::fails(
            "half of a transaction was done: use another store",
        )),
    }
}

/// A transaction that is sent again, as after a lost answer, is done once.
async fn recognises_token(table: &Table, scratch: &Scratch) -> Probed {
    const NAME: &str = "repeated";
    let token = table.fresh();
    for _ in 0..2 {
        let add = Update::of(scratch.key(NAME)).add(VALUE, 1);
        let add = Write::update(add.set(EXPIRES, scratch.expires));
        // It has no condition that could be refused.
        let _ = table.transact_as(vec![add], token).await?;
    }
    if read(table, scratch, NAME).await? == Some(1) {
        return Ok(());
    }
    Err(Doubt::fails(
        "a transaction is done again when it is sent again with its token: use another store",
    ))
}

/// A partition is listed in the order of its sort keys, page by page; several
/// records are written and read at once.
async fn lists_in_order(table: &Table, scratch: &Scratch) -> Probed {
    const NAMES: [&str; 3] = ["list-1", "list-2", "list-3"];
    let items = NAMES.map(|name| scratch.item(name, 1));
    table.write_all(items.into(), Vec::new()).await?;
    let keys = NAMES.map(|name| scratch.key(name));
    let is_complete = table.get_all(&keys, &[]).await?.len() == NAMES.len();
    let list = Query::of(key::check_partition(scratch.id)).beginning("list-");
    let page = table.query(&list, 2).await?;
    let rest = table.query(&list.after(NAMES[1]), 2).await?;
    let sorts = page.items.iter().chain(&rest.items).map(Item::sort);
    let sorts = sorts.collect::<StoreResult<Vec<_>>>()?;
    if is_complete && page.more && sorts == NAMES {
        return Ok(());
    }
    Err(Doubt::fails(
        "lists are not in order or not complete: use another store",
    ))
}

/// The index can be asked. It may lag, so it need not know anything.
async fn has_index(table: &Table, scratch: &Scratch) -> Probed {
    let listed = Query::of(key::check_partition(scratch.id)).listed();
    table.query(&listed, 1).await?;
    Ok(())
}

/// Deletes what the check has made.
async fn clear(table: &Table, scratch: &Scratch) -> Probed {
    const ALL: usize = 100;
    let made = Query::of(key::check_partition(scratch.id));
    let items = table.query(&made, ALL).await?.items;
    let keys = items.iter().map(Item::key).collect::<StoreResult<_>>()?;
    table.write_all(Vec::new(), keys).await?;
    let left = table.query(&made, ALL).await?.items.len();
    if left == 0 {
        return Ok(());
    }
    Err(Doubt::fails(format!(
        "{left} records are there after they were deleted: use another store"
    )))
}

async fn read(table: &Table, scratch: &Scratch, name: &str) -> StoreResult<Option<i64>> {
    let item = table.get(&scratch.key(name)).await?;
    value_of(item.as_ref())
}

fn value_of(item: Option<&Item>) -> StoreResult<Option<i64>> {
    item.map(|item| item.number(VALUE)).transpose()
}
