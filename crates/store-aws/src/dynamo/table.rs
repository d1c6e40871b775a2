//! The table, as all stores see it. Reads are in `read`, writes of one record
//! in `write`, those of several in `transact` and `batch`.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use berth_domain::FreshId;
use berth_ports::Ids;

use super::counter::CallCounter;

mod batch;
mod query;
mod read;
mod transact;
mod write;

pub(super) use query::Query;
pub(super) use transact::Refusals;
pub(super) use write::Refused;

/// The one table. Cheap to clone.
#[derive(Clone)]
pub(super) struct Table {
    client: Client,
    name: Arc<str>,
    ids: Arc<dyn Ids>,
    counter: Option<Arc<CallCounter>>,
}

impl Table {
    pub(super) fn new(client: Client, name: &str, ids: Arc<dyn Ids>) -> Self {
        Self {
            client,
            name: name.into(),
            ids,
            counter: None,
        }
    }

    /// Counts its calls from now on.
    pub(super) fn count(&mut self, counter: Arc<CallCounter>) {
        self.counter = Some(counter);
    }

    /// The client, for what is done to the table itself.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The table's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An id that no process ever had.
    pub(super) fn fresh(&self) -> FreshId {
        self.ids.fresh()
    }

    /// Counts a call that begins, and says whether it is to tell its cost.
    fn begin(&self, operation: &'static str) -> Option<ReturnConsumedCapacity> {
        let counter = self.counter.as_ref()?;
        counter.call(operation);
        Some(ReturnConsumedCapacity::Total)
    }

    /// Counts what a call has cost.
    fn end<'a>(
        &self,
        operation: &'static str,
        capacity: impl IntoIterator<Item = &'a ConsumedCapacity>,
    ) {
        if let Some(counter) = &self.counter {
            for capacity in capacity {
                counter.consumed(operation, capacity);
            }
        }
    }

    /// Counts what a transaction has cost.
    fn end_transaction(&self, operation: &'static str, units: f64) {
        if let Some(counter) = &self.counter {
            counter.transacted(operation, units);
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Table")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
