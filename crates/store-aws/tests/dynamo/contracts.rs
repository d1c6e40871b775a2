//! The ports' contracts.

use std::sync::Arc;

use berth_testkit::{ManualClock, MemoryStore, Stores};

use super::fresh_store;

async fn stores() -> Stores {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(fresh_store(clock.clone()).await);
    let mut stores = Stores::of(Arc::new(MemoryStore::new(clock.clone())), clock);
    stores.sequences = store.clone();
    stores.projects = store.clone();
    stores.registries = store.clone();
    stores.access = store.clone();
    stores.repositories = store.clone();
    stores.manifests = store.clone();
    stores.tags = store.clone();
    stores.links = store.clone();
    stores.gc = store.clone();
    stores.runs = store.clone();
    stores.uploads = store.clone();
    stores.outbox = store;
    stores
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
berth_testkit::outbox_suite!(stores());
