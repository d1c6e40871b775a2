//! No use case is left out.

use std::collections::BTreeSet;

use crate::walks::walked_through;
use crate::world::World;

/// Every route, as the golden list has it behind its rule.
fn routes() -> BTreeSet<String> {
    let golden = include_str!("../golden/routes.txt");
    let route = |line: &str| line[25..].to_owned();
    golden.lines().map(route).collect()
}

/// Every kind of job, as `Job::kind` names it.
fn jobs() -> BTreeSet<String> {
    let source = include_str!("../../../domain/src/job.rs");
    let (_, kinds) = source.split_once("fn kind(").unwrap();
    let named = kinds.lines().filter_map(|line| line.split_once("=> \""));
    named
        .filter_map(|(_, name)| name.strip_suffix("\","))
        .map(|kind| format!("job {kind}"))
        .collect()
}

#[tokio::test]
async fn every_route_and_every_kind_of_job_is_walked_through_all_faults() {
    let use_cases: BTreeSet<_> = routes().union(&jobs()).cloned().collect();
    assert!(use_cases.len() > 70, "{use_cases:#?}");
    let walked = walked_through(&World::used().await);
    let left_out: Vec<_> = use_cases.difference(&walked).collect();
    assert!(left_out.is_empty(), "no fault test walks {left_out:#?}");
}
