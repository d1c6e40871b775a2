//! The budgets of the design, on what is written down.

use super::book::written;
use super::case::{Case, Table};

fn case(name: &str) -> Case {
    let found = written().into_iter().find(|case| case.name == name);
    found.expect("the case is written down")
}

fn cost(name: &str) -> Table {
    case(name).dynamodb
}

/// Calls that read and calls that write.
fn calls(name: &str) -> (u64, u64) {
    let cost = cost(name);
    (cost.reads(), cost.writes())
}

#[test]
fn a_pull_reads_once_or_twice_and_writes_nothing() {
    for name in ["head_tag", "get_tag", "head_digest", "get_digest"] {
        assert_eq!(calls(name), (1, 0), "{name}");
    }
    assert_eq!(calls("get_tag_first"), (2, 0));
    assert_eq!(calls("head_blob"), (1, 0));
    assert_eq!(calls("get_blob"), (1, 0));
}

#[test]
fn the_bytes_of_a_blob_do_not_pass_through_an_instance() {
    let s3 = case("get_blob").s3;
    assert_eq!((s3.reads, s3.client_reads), (0, 1));
}

#[test]
fn the_bytes_of_a_redirected_push_do_not_pass_through_either() {
    let s3 = case("push_20mb_redirected").s3;
    assert_eq!((s3.client_writes, s3.reads), (1, 2));
}

#[test]
fn a_blob_push_takes_at_most_five_calls_that_write() {
    for name in ["push_1mb", "push_20mb"] {
        assert!(calls(name).1 <= 5, "{name}");
    }
}

#[test]
fn a_manifest_push_takes_two_transactions_and_a_batch_each_way() {
    for name in ["manifest_new", "manifest_moved"] {
        let cost = cost(name);
        assert_eq!(cost.of("TransactWriteItems"), 2, "{name}");
        assert_eq!(cost.of("BatchWriteItem"), 1, "{name}");
        assert!(cost.of("BatchGetItem") <= 1, "{name}");
        assert_eq!(cost.writes(), 3, "{name}");
    }
}

#[test]
fn a_cached_tag_is_written_at_most_once_in_its_fresh_time() {
    assert_eq!(calls("fresh_tag").1, 0);
    assert!(calls("stale_tag").1 <= 1);
}

#[test]
fn a_list_costs_its_page() {
    let cost = cost("tags");
    assert_eq!((cost.reads(), cost.of("Query")), (1, 1));
    assert!(cost.read_units <= 10.0);
}

#[test]
fn nothing_scans_a_table() {
    for case in written() {
        assert_eq!(case.dynamodb.of("Scan"), 0, "{}", case.name);
    }
}
