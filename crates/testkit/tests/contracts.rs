//! The ports' contracts over the adapters in memory.

use std::future::ready;
use std::sync::Arc;

use berth_ports::Spools;
use berth_testkit::{Blobs, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, Queue, Stores};

fn stores() -> Stores {
    let clock = Arc::new(ManualClock::default());
    Stores::of(Arc::new(MemoryStore::new(clock.clone())), clock)
}

fn queue() -> Queue {
    let clock = Arc::new(ManualClock::default());
    Queue::of(Arc::new(MemoryStore::new(clock.clone())), clock)
}

fn blobs() -> Blobs {
    Blobs::of(MemoryBlobs::default())
}

fn spools() -> Arc<dyn Spools> {
    Arc::new(MemorySpools)
}

berth_testkit::metadata_suites!(ready(stores()));
berth_testkit::queue_suite!(ready(queue()));
berth_testkit::blob_suites!(ready(blobs()));
berth_testkit::spools_suite!(ready(spools()));
