//! Blobs: stored once, mounted by rule, promised to who asks.

use std::time::Duration;

use berth_domain::Principal;
use berth_oci::Digest;
use bytes::Bytes;

use crate::{NAME, Registry, name, user};

static BYTES: Bytes = Bytes::from_static(b"some bytes");

fn digest() -> Digest {
    Digest::sha256(&BYTES)
}

impl Registry {
    /// With a blob in `private/app` of a private project, or in `library/app`.
    async fn with_blob_in(repository: &str) -> Self {
        let registry = Self::start().await;
        registry.create_project("private", false).await;
        let target = registry.target(repository).await;
        registry.push_blob(&target, &BYTES).await.unwrap();
        registry
    }

    async fn mount(&self, principal: &Principal, from: Option<&str>) -> bool {
        let target = self.target("library/mounted").await;
        let from = from.map(name);
        let mounted = self
            .service
            .mount_blob(principal, &target, digest(), from.as_ref())
            .await
            .unwrap();
        let there = self.service.blob(&target, digest()).await.is_ok();
        assert_eq!(there, mounted);
        mounted
    }
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_it_may_be_pulled() {
    for from in [None, Some(NAME)] {
        let registry = Registry::with_blob_in(NAME).await;
        assert!(registry.mount(&user(7), from).await, "{from:?}");
    }
}

#[tokio::test]
async fn a_blob_is_not_mounted_from_where_it_is_not() {
    let registry = Registry::with_blob_in(NAME).await;
    for from in ["library/other", "no-project/app", "private/app"] {
        assert!(!registry.mount(&user(7), Some(from)).await, "{from}");
    }
}

#[tokio::test]
async fn a_blob_is_not_mounted_from_where_it_may_not_be_pulled() {
    let registry = Registry::with_blob_in("private/app").await;
    for from in [None, Some("private/app")] {
        for principal in [user(7), Principal::Anonymous] {
            assert!(!registry.mount(&principal, from).await, "{from:?}");
        }
    }
    let owner = user(berth_service::ADMIN.0);
    assert!(registry.mount(&owner, None).await);
}

#[tokio::test]
async fn pushes_of_one_blob_at_once_keep_one_object() {
    let registry = Registry::start().await;
    let (one, other) = (
        registry.target("library/one").await,
        registry.target("library/other").await,
    );
    let pushes = tokio::join!(
        registry.push_blob(&one, &BYTES),
        registry.push_blob(&one, &BYTES),
        registry.push_blob(&other, &BYTES),
    );
    assert!(pushes.0.is_ok() && pushes.1.is_ok() && pushes.2.is_ok());
    assert_eq!(registry.delete_objects().await.len(), 2);
    let blob = registry.ports().links.blob(digest()).await.unwrap();
    assert_eq!(registry.disk.blobs.keys(), [blob.unwrap().key]);
    for target in [one, other] {
        registry.service.blob(&target, digest()).await.unwrap();
    }
}

#[tokio::test]
async fn a_promise_to_a_pusher_is_renewed_before_it_ends() {
    let registry = Registry::with_blob_in(NAME).await;
    let target = registry.target(NAME).await;
    let touched_at = async || {
        let link = registry.ports().links.link(&target.repository, digest());
        link.await.unwrap().unwrap().touched_at
    };
    let head = async |may_push| {
        let size = registry.service.blob_size(&target, digest(), may_push);
        size.await.unwrap()
    };
    let half = berth_service::ServiceSettings::default().grace / 2;
    let pushed_at = touched_at().await;

    registry
        .clock
        .advance(half.saturating_sub(Duration::from_secs(1)));
    head(true).await;
    assert_eq!(touched_at().await, pushed_at);
    registry.clock.advance(Duration::from_secs(1));
    head(false).await;
    assert_eq!(touched_at().await, pushed_at);
    head(true).await;
    assert_eq!(touched_at().await, pushed_at + half);
}
