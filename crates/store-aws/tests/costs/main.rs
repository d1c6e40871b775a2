//! What the requests of clients cost on AWS: calls and units of `DynamoDB`,
//! requests to S3 and SQS, counted over whole use cases, from the router to the
//! stores.
//!
//! What was counted is in `docs/costs.json`, which these tests hold true, and
//! `docs/data-model.md` shows it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test"
)]

mod book;
mod books;
mod budgets;
mod case;
mod requests;
mod walk;
