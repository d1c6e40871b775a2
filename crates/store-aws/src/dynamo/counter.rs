//! Counting calls and what they cost, for tests and for the books.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

use super::expression::{Action, Write};
use super::schema::LISTED_PARTITION;

/// What calls of one operation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calls {
    /// How many there were, refused ones included. Repetitions by the SDK are
    /// not counted.
    pub calls: u64,
    /// Read units, as DynamoDB told them. It tells none of a refused call.
    pub read_units: f64,
    /// Write units, likewise; but those of transactions are reckoned from their
    /// writes, since DynamoDB Local tells 4 whatever they are.
    pub write_units: f64,
}

/// Counts what a [`DynamoStore`](crate::DynamoStore) asks of DynamoDB.
#[derive(Debug, Default)]
pub struct CallCounter {
    calls: Mutex<BTreeMap<&'static str, Calls>>,
}

impl CallCounter {
    /// Takes what was counted since the last time, by operation
    /// (`TransactWriteItems`), and begins again at nothing.
    pub fn take(&self) -> BTreeMap<&'static str, Calls> {
        std::mem::take(&mut self.lock())
    }

    pub(super) fn call(&self, operation: &'static str) {
        self.lock().entry(operation).or_default().calls += 1;
    }

    pub(super) fn consumed(&self, operation: &'static str, capacity: &ConsumedCapacity) {
        let units = capacity.capacity_units().unwrap_or_default();
        let mut calls = self.lock();
        let counted = calls.entry(operation).or_default();
        if READS.contains(&operation) {
            // What finds nothing costs a read, which DynamoDB Local leaves out.
            counted.read_units += units.max(1.0);
        } else {
            counted.write_units += units;
        }
    }

    pub(super) fn transacted(&self, operation: &'static str, units: f64) {
        self.lock().entry(operation).or_default().write_units += units;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Calls>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The operations that only read.
const READS: [&str; 3] = ["GetItem", "BatchGetItem", "Query"];

/// What a write costs in a transaction: two units for each KB of the record.
/// How large a record that is updated or deleted is nobody knows here: it counts
/// as 1 KB. The index costs one more.
pub(super) fn transaction_units(write: &Write) -> f64 {
    match &write.action {
        Action::Put(item) => {
            let index = if item.has(LISTED_PARTITION) { 1.0 } else { 0.0 };
            let kilobytes = u32::try_from(item.size().div_ceil(1024)).unwrap_or(u32::MAX);
            2.0 * f64::from(kilobytes.max(1)) + index
        }
        Action::Update(_) | Action::Delete(_) => 2.0,
    }
}
