//! One use case, and what it came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a use case costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// What programs call it.
    pub(crate) name: String,
    /// What people call it.
    pub(crate) request: String,
    /// What it asks of `DynamoDB`.
    pub(crate) dynamodb: Table,
    /// What it asks of S3.
    pub(crate) s3: Bucket,
    /// Requests to SQS.
    pub(crate) sqs: u64,
}

/// Calls of `DynamoDB`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// How many of each operation.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
}

/// Requests to S3, by what they are billed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// PUT, COPY, POST and LIST.
    pub(crate) writes: u64,
    /// GET and HEAD.
    pub(crate) reads: u64,
    /// DELETE, of one object or of many, and the end of an upload.
    pub(crate) deletes: u64,
    /// GET by a client that was redirected.
    pub(crate) client_reads: u64,
    /// PUT by one.
    pub(crate) client_writes: u64,
}

/// The operations of `DynamoDB` that only read.
const READS: [&str; 3] = ["BatchGetItem", "GetItem", "Query"];

impl Table {
    /// How many calls read.
    pub(crate) fn reads(&self) -> u64 {
        self.count(|operation| READS.contains(&operation))
    }

    /// How many calls write.
    pub(crate) fn writes(&self) -> u64 {
        self.count(|operation| !READS.contains(&operation))
    }

    /// How many calls of one operation.
    pub(crate) fn of(&self, operation: &str) -> u64 {
        self.count(|called| called == operation)
    }

    fn count(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let wanted = self.calls.iter().filter(|(called, _)| wanted(called));
        wanted.map(|(_, calls)| calls).sum()
    }
}
