//! What `check-store` finds of stores that do all that Berth relies on, and of
//! such that do not.
//!
//! Each test has a folder, a table or queues of its own, in the services that
//! `BERTH_TEST_S3`, `BERTH_TEST_DYNAMODB` and `BERTH_TEST_SQS` have the
//! addresses of. What they do right, something that stands before them does
//! wrong.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail the test"
)]

use berth_domain::Secret;
use berth_host::RandomIds;
use berth_ports::{Finding, Ids, Verdict};
use berth_store_aws::{Aws, AwsCredentials, AwsSettings};

mod dynamo;
mod lax_dynamo;
mod lax_s3;
mod s3;
mod sqs;

const LOGIN: (&str, &str) = ("berth", "berth-secret");
const REGION: &str = "us-east-1";

fn endpoint(variable: &str) -> String {
    std::env::var(variable).expect("no services to test with: run `cargo xtask aws test`")
}

fn fresh_name() -> String {
    format!("{:032x}", RandomIds.fresh().0)
}

async fn aws() -> Aws {
    Aws::load(&AwsSettings {
        region: Some(REGION.to_owned()),
        credentials: Some(AwsCredentials {
            access_key_id: LOGIN.0.to_owned(),
            secret_access_key: Secret::new(LOGIN.1),
            session_token: None,
        }),
    })
    .await
}

/// What was found of this name.
fn of<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("{name} was not probed: {findings:#?}"))
}

/// The names of those that ended so.
fn ended(findings: &[Finding], verdict: Verdict) -> Vec<&str> {
    let ended = findings.iter().filter(|finding| finding.verdict == verdict);
    ended.map(|finding| finding.name.as_str()).collect()
}

/// Asserts that a probe ended so, and that its note says this.
fn assert_noted(findings: &[Finding], name: &str, verdict: Verdict, says: &str) {
    let finding = of(findings, name);
    assert_eq!(finding.verdict, verdict, "{findings:#?}");
    let note = finding.note.as_deref().unwrap_or_default();
    assert!(note.contains(says), "{note}");
}

/// Asserts that a probe failed, and no other; and that its note says this.
fn assert_only(findings: &[Finding], name: &str, says: &str) {
    assert_eq!(ended(findings, Verdict::Fails), [name], "{findings:#?}");
    assert_noted(findings, name, Verdict::Fails, says);
}
