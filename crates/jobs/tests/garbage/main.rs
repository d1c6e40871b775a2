//! Whatever happens, what is needed stays and the rest goes. The same histories
//! run over `DynamoDB` in `store-aws`, which includes these files.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;

use berth_store_local::{DataFolder, SqliteStore};
use berth_testkit::image::{Image, Layer};
use berth_testkit::{ManualClock, MemoryStore};
use jiff::Timestamp;

use histories::{REPOSITORIES, history, seeds};
use left::{assert_nothing_left, drain};
use registry::World;

mod histories;
mod left;
mod registry;

impl World {
    pub(crate) async fn in_memory() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self::over(store.clone(), store, clock, Box::new(())).await
    }

    pub(crate) async fn on_disk() -> Self {
        let clock = Arc::new(ManualClock::default());
        let directory = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(directory.path()).unwrap();
        let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
        let store = Arc::new(SqliteStore::open(&lock, clock.clone()).unwrap());
        Self::over(store.clone(), store, clock, Box::new((directory, lock))).await
    }
}

#[tokio::test]
async fn whatever_happens_over_memory_what_is_needed_stays_and_the_rest_goes() {
    for seed in seeds(100) {
        history(&World::in_memory().await, seed).await;
    }
}

#[tokio::test]
async fn whatever_happens_over_sqlite_what_is_needed_stays_and_the_rest_goes() {
    for seed in seeds(10) {
        history(&World::on_disk().await, seed).await;
    }
}

/// More layers than any list is read at once.
#[tokio::test]
async fn an_image_of_500_layers_is_pushed_pulled_deleted_and_collected() {
    let world = World::on_disk().await;
    let process = world.start();
    let mut image = Image::builder();
    for number in 0..500_u16 {
        let layer = Layer::of_file(&format!("file{number}"), &number.to_le_bytes());
        image = image.with_layer(layer);
    }
    let image = image.build();
    let name = REPOSITORIES[0];
    assert!(process.push(name, &image, Some("latest")).await);
    assert_eq!(process.readable(name, image.digest()).await, 501);
    process.sweep().await;
    assert_eq!(process.readable(name, image.digest()).await, 501);
    process.delete(name, image.digest()).await;
    process.idle().await;
    drain(&world).await;
    assert_nothing_left(&world, "500 layers").await;
    assert!(world.blobs.is_empty());
}
