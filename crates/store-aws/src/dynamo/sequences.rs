//! Numeric identifiers: taken from the table in blocks, so that one record is
//! not written for each of them.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use berth_domain::Sequence;
use berth_ports::{Sequences, StoreError, StoreResult};
use tokio::sync::Mutex;

use super::expression::{Condition, Write};
use super::{DynamoStore, Update, key};

/// The numbers that this instance has taken and not given out yet.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<HashMap<Sequence, RangeInclusive<i64>>>);

/// The attribute that holds the last number given out.
const LAST: &str = "last";

/// How many numbers are taken at once. Runs are counted one by one: of two, the
/// later one has the greater number, whichever instance started it.
const fn block(sequence: Sequence) -> i64 {
    match sequence {
        Sequence::Run => 1,
        Sequence::Project
        | Sequence::User
        | Sequence::Registry
        | Sequence::Repository
        | Sequence::Artifact => 100,
    }
}

#[async_trait]
impl Sequences for DynamoStore {
    async fn next(&self, sequence: Sequence) -> StoreResult<i64> {
        // Whoever else needs a number meanwhile waits for the same block.
        let mut blocks = self.blocks.0.lock().await;
        if let Some(number) = blocks.get_mut(&sequence).and_then(Iterator::next) {
            return Ok(number);
        }
        let mut block = self.take_block(sequence).await?;
        let number = block.next();
        blocks.insert(sequence, block);
        number.ok_or_else(|| StoreError::Corrupt(format!("sequence {}", sequence.as_str())))
    }

    async fn raise(&self, sequence: Sequence, last: i64) -> StoreResult<()> {
        let mut blocks = self.blocks.0.lock().await;
        let lower = Condition::Any(vec![Condition::Lacks(LAST), Condition::less(LAST, last)]);
        let update = Update::of(key::sequence(sequence)).set(LAST, last);
        // Refused, it is there or further.
        drop(self.table.write(Write::update(update).when(lower)).await?);
        blocks.retain(|held, block| *held != sequence || *block.start() > last);
        Ok(())
    }
}

impl DynamoStore {
    async fn take_block(&self, sequence: Sequence) -> StoreResult<RangeInclusive<i64>> {
        let length = block(sequence);
        let update = Update::of(key::sequence(sequence)).add(LAST, length);
        // A repetition after a lost answer takes a block more.
        let counter = self.table.update_any(update).await?;
        let last: i64 = counter.number(LAST)?;
        Ok(last - length + 1..=last)
    }
}
