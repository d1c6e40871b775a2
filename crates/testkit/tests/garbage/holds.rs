//! Each scenario holds to its end. The large ones are explored with
//! `BERTH_FULL=1`.

use crate::exploration::{assert_holds, explore};
use crate::scenarios::{
    Scenario, dead_deletion, delete, delete_of_blob, fill, mount, orphan, promise, push,
    push_of_index, sweepers, trust, two_pushers, two_uploads,
};

#[test]
fn two_uploads_of_a_blob() {
    assert_holds(&two_uploads([1, 0]));
}

#[test]
fn two_pushers_of_an_image() {
    assert_holds(&two_pushers([1, 0]));
}

#[test]
fn a_trusted_head() {
    assert_holds(&trust([2, 1]));
}

#[test]
fn a_promise() {
    assert_holds(&promise([1, 0]));
}

#[test]
fn a_deletion_and_a_push() {
    assert_holds(&delete([1, 0]));
}

#[test]
fn a_deletion_that_died() {
    assert_holds(&dead_deletion([1, 0]));
}

#[test]
fn a_mount_and_a_sweep() {
    assert_holds(&mount([2, 0]));
}

#[test]
fn a_fill() {
    assert_holds(&fill());
}

#[test]
fn an_index_and_a_deletion_of_its_child() {
    assert_holds(&push_of_index());
}

#[test]
fn an_orphan_that_is_tagged_within_its_promise() {
    assert_holds(&orphan(2));
}

/// The limit of grace zero: a tag that is put between a sweep's look at tags
/// and its hiding of the manifest is lost if that sweep dies then. A promise
/// of any length prevents it.
#[test]
fn an_orphan_that_is_tagged_needs_its_promise() {
    let found = explore(&orphan(0)).map(|found| found.problem);
    assert_eq!(found, Some("a pushed manifest is gone"));
}

#[test]
fn a_deletion_of_a_blob_and_a_push() {
    assert_holds(&delete_of_blob([1, 0]));
}

/// Minutes.
#[test]
fn large_ones() {
    if std::env::var_os("BERTH_FULL").is_none() {
        println!("large scenarios are explored with BERTH_FULL=1 only");
        return;
    }
    assert_holds(&two_uploads([1, 1]));
    assert_holds(&two_pushers([1, 1]));
    assert_holds(&trust([2, 2]));
    assert_holds(&promise([1, 1]));
    assert_holds(&delete([1, 1]));
    assert_holds(&dead_deletion([1, 1]));
    assert_holds(&mount([2, 1]));
    assert_holds(&delete_of_blob([1, 1]));
    assert_holds(&Scenario {
        name: "two pushes of one image from the start, sweepers",
        before: Vec::new(),
        actors: sweepers([1, 0], vec![push(None), push(None)]),
        crashes: 0,
        ..two_pushers([1, 0])
    });
}
