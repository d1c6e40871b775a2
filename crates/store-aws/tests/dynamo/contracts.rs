//! The ports' contracts.

use std::sync::Arc;

use berth_testkit::{ManualClock, Stores};

use super::fresh_store;

async fn stores() -> Stores {
    let clock = Arc::new(ManualClock::default());
    let store = fresh_store(clock.clone()).await;
    // Over a network, to read all takes most of a history's time.
    Stores::of(Arc::new(store), clock).read_after_every(4)
}

berth_testkit::sequences_suite!(stores());
berth_testkit::projects_suite!(stores());
berth_testkit::members_suite!(stores());
berth_testkit::registries_suite!(stores());
berth_testkit::users_suite!(stores());
berth_testkit::signing_keys_suite!(stores());
berth_testkit::repositories_suite!(stores());
berth_testkit::runs_suite!(stores());
berth_testkit::manifests_suite!(stores());
berth_testkit::manifest_commit_suite!(stores());
berth_testkit::manifest_lists_suite!(stores());
berth_testkit::manifest_deletion_suite!(stores());
berth_testkit::manifest_promises_suite!(stores());
berth_testkit::edges_suite!(stores());
berth_testkit::referrers_suite!(stores());
berth_testkit::tags_suite!(stores());
berth_testkit::link_prepare_suite!(stores());
berth_testkit::link_commit_suite!(stores());
berth_testkit::link_races_suite!(stores());
berth_testkit::link_life_suite!(stores());
berth_testkit::link_lists_suite!(stores());
berth_testkit::blob_life_suite!(stores());
berth_testkit::gc_queue_suite!(stores());
berth_testkit::histories_suite!(stores());
berth_testkit::uploads_suite!(stores());
berth_testkit::leases_suite!(stores());
berth_testkit::outbox_suite!(stores());
