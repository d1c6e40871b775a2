//! Sweeps over what cannot be deleted.

use std::ops::ControlFlow;
use std::time::Duration;

use berth_service::Swept;
use berth_testkit::image::Image;

use super::{NAME, Registry};

async fn sweep(registry: &Registry) -> Swept {
    let mut observer = |_| ControlFlow::Continue(());
    registry.service.sweep_garbage(&mut observer).await.unwrap()
}

#[tokio::test]
async fn an_object_that_cannot_be_deleted_holds_up_no_other() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    let mut blobs = image.blobs();
    let (one, other) = (blobs.next().unwrap(), blobs.next().unwrap());
    for blob in [one, other] {
        registry.push_blob(&target, &blob.bytes).await.unwrap();
    }
    let links = &registry.ports().links;
    let link = links.link(&target.repository, one.digest).await.unwrap();
    registry.disk.keep(link.map(|link| link.key));
    registry.clock.advance(Duration::from_hours(3));
    let swept = sweep(&registry).await;
    assert_eq!((swept.blobs, swept.objects), (2, 1));
    assert!(swept.failed > 0);
    registry.disk.keep(None);
    let swept = sweep(&registry).await;
    assert_eq!((swept.blobs, swept.objects, swept.failed), (0, 1, 0));
}

const ADDRESSES: Duration = Duration::from_mins(15);

#[tokio::test]
async fn an_object_stays_as_long_as_clients_may_have_its_address() {
    let registry = Registry::with_addresses(ADDRESSES).await;
    let target = registry.target(NAME).await;
    let image = Image::random(10);
    registry
        .push_blob(&target, &image.config.bytes)
        .await
        .unwrap();
    registry.clock.advance(Duration::from_hours(3));
    let swept = sweep(&registry).await;
    assert_eq!((swept.blobs, swept.objects), (1, 0));
    registry.clock.advance(ADDRESSES / 2);
    assert_eq!(sweep(&registry).await.objects, 0);
    registry.clock.advance(ADDRESSES / 2);
    assert_eq!(sweep(&registry).await.objects, 1);
    assert!(registry.disk.blobs.is_empty());
}
