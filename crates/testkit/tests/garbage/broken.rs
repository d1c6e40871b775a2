//! Each rule is needed: without it something is found.

use crate::exploration::explore;
use crate::mutants::Mutant;
use crate::scenarios::{
    Scenario, Task, dead_deletion, delete, mount, promise, push, push_of_index, sweepers, trust,
    two_pushers, two_uploads,
};

fn assert_found(mutant: Mutant, scenario: Scenario) {
    let found = explore(&Scenario {
        mutant: Some(mutant),
        ..scenario
    });
    let found = found.expect("without the rule something is found");
    println!("{mutant:?}: {}", found.problem);
}

#[test]
fn links_are_read_after_edges_are_written() {
    assert_found(Mutant::LinksBeforeEdges, trust([1, 1]));
}

#[test]
fn edges_are_read_after_a_link_is_condemned() {
    assert_found(Mutant::EdgesBeforeCondemning, trust([1, 1]));
}

#[test]
fn promises_are_read_after_a_link_is_condemned() {
    assert_found(Mutant::PromiseBeforeCondemning, promise([1, 0]));
}

#[test]
fn a_pusher_revives_a_condemned_link() {
    assert_found(Mutant::CondemnedIsLive, trust([1, 1]));
}

#[test]
fn a_link_is_deleted_under_its_token() {
    assert_found(Mutant::DeleteWithoutToken, trust([1, 1]));
}

#[test]
fn edges_have_a_nonce() {
    assert_found(Mutant::EdgesWithoutNonce, delete([1, 0]));
}

#[test]
fn a_mount_raises_the_generation() {
    assert_found(Mutant::MountWithoutGeneration, mount([2, 0]));
}

#[test]
fn a_back_edge_comes_before_its_link() {
    assert_found(Mutant::NoEarlierBackEdge, mount([2, 0]));
}

#[test]
fn ids_never_come_again() {
    assert_found(
        Mutant::IdsThatRestart,
        Scenario {
            name: "a deletion, its job, a push anew",
            actors: sweepers(
                [0, 0],
                vec![
                    vec![Task::Push(0, 0, None)],
                    vec![Task::Delete(0, 0)],
                    vec![Task::Work],
                ],
            ),
            before: push(None),
            ..delete([0, 0])
        },
    );
}

#[test]
fn what_was_joined_and_committed_keeps_its_edges() {
    assert_found(Mutant::UnlinkOfTheJoined, two_pushers([1, 0]));
}

#[test]
fn an_entry_is_not_seen_before_its_transaction() {
    assert_found(Mutant::EarlyEntries, mount([3, 0]));
}

#[test]
fn pending_back_edges_are_withdrawn() {
    assert_found(Mutant::PendingForEver, two_uploads([1, 0]));
}

#[test]
fn a_link_that_is_not_seen_beside_its_back_edge_is_looked_at_again() {
    assert_found(Mutant::AbsentIsGone, two_uploads([1, 0]));
}

#[test]
fn what_is_undecided_stays_in_the_queue() {
    assert_found(Mutant::UndecidedIsDecided, trust([1, 1]));
}

#[test]
fn a_deletion_that_was_taken_back_is_not_begun_anew() {
    assert_found(Mutant::DeletionBegunAnew, dead_deletion([1, 0]));
}

#[test]
fn an_index_needs_children_that_are_not_hidden() {
    assert_found(Mutant::HiddenChildIsThere, push_of_index());
}
