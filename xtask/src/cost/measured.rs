//! What was counted: `docs/costs.json`, which the tests of `store-aws` make.

use std::{collections::BTreeMap, ops::Add};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cost::{
    bill::{Bill, Kind},
    prices,
};

/// The version of the file that this reads.
const VERSION: u64 = 1;

/// Requests to AWS; in parts, where they are a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Requests {
    /// Read units of `DynamoDB`.
    pub(crate) reads: f64,
    /// Write units of `DynamoDB`.
    pub(crate) writes: f64,
    /// PUT, COPY, POST and LIST of S3, the clients' own too.
    pub(crate) s3_writes: f64,
    /// GET and HEAD of S3, likewise.
    pub(crate) s3_reads: f64,
    /// DELETE of S3.
    pub(crate) s3_deletes: f64,
    /// Requests to SQS.
    pub(crate) sqs: f64,
}

impl Requests {
    /// So many times these.
    pub(crate) fn times(self, times: f64) -> Self {
        self.with(Self::default(), |one, _| one * times)
    }

    /// These without others.
    pub(crate) fn without(self, others: Self) -> Self {
        self.with(others, |one, other| one - other)
    }

    fn with(self, other: Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            reads: combine(self.reads, other.reads),
            writes: combine(self.writes, other.writes),
            s3_writes: combine(self.s3_writes, other.s3_writes),
            s3_reads: combine(self.s3_reads, other.s3_reads),
            s3_deletes: combine(self.s3_deletes, other.s3_deletes),
            sqs: combine(self.sqs, other.sqs),
        }
    }

    /// What they cost.
    pub(crate) fn bill(&self) -> Bill {
        let mut bill = Bill::default();
        let dynamodb =
            prices::DYNAMODB_READ.of(self.reads) + prices::DYNAMODB_WRITE.of(self.writes);
        bill.add("DynamoDB", Kind::Requests, dynamodb);
        bill.add("S3", Kind::Requests, self.s3());
        bill.add("SQS", Kind::Requests, prices::SQS.of(self.sqs));
        bill
    }

    fn s3(&self) -> f64 {
        prices::S3_WRITE.of(self.s3_writes)
            + prices::S3_READ.of(self.s3_reads)
            + prices::S3_DELETE.of(self.s3_deletes)
    }
}

impl Add for Requests {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }
}

/// The cases by name.
#[derive(Debug)]
pub(crate) struct Measured(BTreeMap<String, Requests>);

impl Measured {
    /// Reads the file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let file: Value = serde_json::from_str(text).context("docs/costs.json is no JSON")?;
        ensure!(
            file["v"] == VERSION,
            "docs/costs.json is of another version"
        );
        let cases = file["cases"]
            .as_array()
            .context("docs/costs.json has no cases")?;
        let cases = cases.iter().map(case).collect::<Result<_>>()?;
        Ok(Self(cases))
    }

    /// What a case takes.
    pub(crate) fn case(&self, name: &str) -> Result<Requests> {
        let found = self.0.get(name).copied();
        found.with_context(|| format!("docs/costs.json has no case `{name}`, count anew"))
    }
}

fn case(value: &Value) -> Result<(String, Requests)> {
    let name = value["name"].as_str().context("a case has no name")?;
    let number = |pointer: &str| {
        let number = value.pointer(pointer).and_then(Value::as_f64);
        number.with_context(|| format!("the case `{name}` lacks {pointer}"))
    };
    let requests = Requests {
        reads: number("/dynamodb/read_units")?,
        writes: number("/dynamodb/write_units")?,
        s3_writes: number("/s3/writes")? + number("/s3/client_writes")?,
        s3_reads: number("/s3/reads")? + number("/s3/client_reads")?,
        s3_deletes: number("/s3/deletes")?,
        sqs: number("/sqs")?,
    };
    Ok((name.to_owned(), requests))
}
