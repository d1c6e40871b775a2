//! Blobs that clients put into the store themselves.

use std::time::Duration;

use berth_domain::UploadId;
use berth_oci::{Algorithm, Digest};
use berth_ports::StoreError;
use berth_service::{Error, Result};
use berth_testkit::image::Image;
use bytes::Bytes;

use crate::{CHUNK, NAME, Registry, UPLOAD_IDLE, body, name};

fn layer() -> Bytes {
    Bytes::from(vec![7; 1024 * 1024])
}

impl Registry {
    /// Begins an upload and asks to be sent to the store with these bytes.
    async fn redirect(&self, bytes: &Bytes) -> (UploadId, Option<String>) {
        let started = self
            .service
            .start_upload(&name(NAME), Algorithm::Sha256)
            .await
            .unwrap();
        let offered = self.offer(started.id, bytes, true).await;
        (started.id, offered.unwrap())
    }

    async fn offer(&self, id: UploadId, bytes: &Bytes, safe: bool) -> Result<Option<String>> {
        let target = self.target(NAME).await;
        let blob = (Digest::sha256(bytes), bytes.len() as u64);
        self.service
            .redirect_upload(&target, id, None, blob, &|_| safe)
            .await
    }

    async fn size(&self, bytes: &Bytes) -> Result<u64> {
        let target = self.target(NAME).await;
        let digest = Digest::sha256(bytes);
        self.service.blob_size(&target, digest, true).await
    }

    async fn is_unknown(&self, bytes: &Bytes) -> bool {
        matches!(self.size(bytes).await, Err(Error::BlobUnknown(_)))
    }
}

#[tokio::test]
async fn a_blob_that_a_client_put_into_the_store_is_there_once_somebody_asks() {
    let registry = Registry::start().await;
    let (id, address) = registry.redirect(&layer()).await;
    let status = registry.service.upload_status(&name(NAME), id).await;
    assert!(matches!(status, Err(Error::UploadUnknown)), "{status:?}");
    assert!(registry.is_unknown(&layer()).await);
    registry.staging.put_at(&address.unwrap(), layer());
    assert_eq!(registry.size(&layer()).await.unwrap(), 1024 * 1024);
    registry.delete_objects().await;
    assert_eq!(registry.staging.keys().len(), 1);
    let other = registry.target("library/other").await;
    let digest = Digest::sha256(&layer());
    let unseen = registry.service.blob_size(&other, digest, true).await;
    assert!(matches!(unseen, Err(Error::BlobUnknown(_))), "{unseen:?}");
}

#[tokio::test]
async fn a_manifest_finds_the_blobs_that_have_arrived() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let image = Image::random(2 * 1024 * 1024);
    for blob in image.blobs() {
        if blob.bytes.len() < 1024 * 1024 {
            registry.push_blob(&target, &blob.bytes).await.unwrap();
        } else {
            let (_, address) = registry.redirect(&blob.bytes).await;
            registry
                .staging
                .put_at(&address.unwrap(), blob.bytes.clone());
        }
    }
    registry
        .push_manifest(&target, &image.manifest, &["v1"])
        .await
        .unwrap();
    assert_eq!(
        registry.tagged(NAME, "v1").await,
        Some(image.manifest.digest)
    );
}

#[tokio::test]
async fn other_bytes_than_the_client_said_are_never_a_blob_and_leave_nothing() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    let address = address.unwrap();
    registry
        .staging
        .put_at(&address, Bytes::from(vec![8; 1024 * 1024]));
    assert!(registry.is_unknown(&layer()).await);
    registry.delete_objects().await;
    assert!(registry.staging.is_empty());
    assert_eq!(registry.service.sweep_uploads().await.unwrap(), 0);
    let (_, again) = registry.redirect(&layer()).await;
    registry.staging.put_at(&again.unwrap(), layer());
    registry.size(&layer()).await.unwrap();
}

#[tokio::test]
async fn only_who_may_push_has_the_store_copy_what_arrived() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    registry.staging.put_at(&address.unwrap(), layer());
    let target = registry.target(NAME).await;
    let digest = Digest::sha256(&layer());
    let seen = registry.service.blob_size(&target, digest, false).await;
    assert!(matches!(seen, Err(Error::BlobUnknown(_))), "{seen:?}");
    let read = registry.service.blob(&target, digest).await;
    assert!(matches!(read, Err(Error::BlobUnknown(_))));
    assert!(registry.staging.keys().is_empty());
    registry.size(&layer()).await.unwrap();
}

#[tokio::test]
async fn no_client_may_name_the_session_of_an_arrival() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    let target = registry.target(NAME).await;
    let digest = Digest::sha256(&layer());
    let id = UploadId::of_arrival(target.project.id, &target.repository, digest);
    let found = registry.ports().uploads.upload(id).await.unwrap();
    assert!(found.is_some());
    let repository = name(NAME);
    let status = registry.service.upload_status(&repository, id).await;
    assert!(matches!(status, Err(Error::UploadUnknown)), "{status:?}");
    let cancelled = registry.service.cancel_upload(&repository, id).await;
    assert!(matches!(cancelled, Err(Error::UploadUnknown)));
    let finished = registry
        .service
        .finish_upload(&target, id, None, CHUNK, digest, body(layer()))
        .await;
    assert!(matches!(finished, Err(Error::UploadUnknown)));
    let offered = registry.offer(id, &layer(), true).await;
    assert_eq!(offered.unwrap(), None);
    registry.staging.put_at(&address.unwrap(), layer());
    registry.size(&layer()).await.unwrap();
}

#[tokio::test]
async fn who_read_an_arrival_before_it_was_prolonged_or_begun_anew_cannot_end_it() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let digest = Digest::sha256(&layer());
    let id = UploadId::of_arrival(target.project.id, &target.repository, digest);
    let uploads = &registry.ports().uploads;
    registry.redirect(&layer()).await;
    let first = uploads.upload(id).await.unwrap().unwrap();
    registry.redirect(&layer()).await;
    let ended = uploads.delete_upload(id, first.epoch, &[]).await;
    assert!(matches!(ended, Err(StoreError::Conflict(_))), "{ended:?}");
    let second = uploads.upload(id).await.unwrap().unwrap();
    uploads.delete_upload(id, second.epoch, &[]).await.unwrap();
    registry.clock.advance(Duration::from_millis(1));
    registry.redirect(&layer()).await;
    for epoch in [first.epoch, second.epoch] {
        let ended = uploads.delete_upload(id, epoch, &[]).await;
        assert!(matches!(ended, Err(StoreError::Conflict(_))), "{ended:?}");
    }
}

#[tokio::test]
async fn a_blob_that_was_deleted_does_not_come_back_as_an_arrival() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    let digest = Digest::sha256(&layer());
    let (_, address) = registry.redirect(&layer()).await;
    registry.staging.put_at(&address.unwrap(), layer());
    registry.push_blob(&target, &layer()).await.unwrap();
    registry.service.delete_blob(&target, digest).await.unwrap();
    assert!(registry.is_unknown(&layer()).await);
}

#[tokio::test]
async fn many_who_ask_at_once_have_it_copied_once() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    registry.staging.put_at(&address.unwrap(), layer());
    let bytes = layer();
    let asked = (0..8).map(|_| registry.size(&bytes));
    for size in futures_util::future::join_all(asked).await {
        assert_eq!(size.unwrap(), 1024 * 1024);
    }
    assert_eq!(registry.staging.keys().len(), 1);
}

#[tokio::test]
async fn bytes_that_change_behind_a_blobs_back_do_not_change_the_blob() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    let address = address.unwrap();
    registry.staging.put_at(&address, layer());
    registry.size(&layer()).await.unwrap();
    registry.staging.put_at(&address, Bytes::from_static(b"x"));
    let target = registry.target(NAME).await;
    let link = registry
        .ports()
        .links
        .link(&target.repository, Digest::sha256(&layer()))
        .await
        .unwrap()
        .unwrap();
    let attested = registry.ports().blobs.size(link.key).await.unwrap();
    assert_eq!(attested, Some(1024 * 1024));
}

#[tokio::test]
async fn clients_with_the_same_blob_are_sent_to_the_same_place() {
    let registry = Registry::start().await;
    let (_, first) = registry.redirect(&layer()).await;
    registry.clock.advance(UPLOAD_IDLE / 2);
    let (_, second) = registry.redirect(&layer()).await;
    assert_eq!(first, second);
    registry
        .clock
        .advance(UPLOAD_IDLE / 2 + Duration::from_secs(1));
    assert_eq!(registry.service.sweep_uploads().await.unwrap(), 0);
    registry.staging.put_at(&second.unwrap(), layer());
    registry.size(&layer()).await.unwrap();
}

#[tokio::test]
async fn what_nobody_asks_for_is_swept() {
    let registry = Registry::start().await;
    let (_, address) = registry.redirect(&layer()).await;
    registry.staging.put_at(&address.unwrap(), layer());
    registry.clock.advance(UPLOAD_IDLE + Duration::from_secs(1));
    assert_eq!(registry.service.sweep_uploads().await.unwrap(), 1);
    registry.delete_objects().await;
    assert!(registry.staging.is_empty());
    assert!(registry.is_unknown(&layer()).await);
}

#[tokio::test]
async fn a_session_that_has_bytes_goes_on_where_it_is() {
    let registry = Registry::start().await;
    let repository = name(NAME);
    let started = registry
        .service
        .start_upload(&repository, Algorithm::Sha256)
        .await
        .unwrap();
    let half = Bytes::from(vec![7; 512 * 1024]);
    registry
        .service
        .append_upload(&repository, started.id, None, CHUNK, body(half))
        .await
        .unwrap();
    let offered = registry.offer(started.id, &layer(), true).await;
    assert_eq!(offered.unwrap(), None);
    let status = registry
        .service
        .upload_status(&repository, started.id)
        .await;
    assert_eq!(status.unwrap().offset, 512 * 1024);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_safe_or_with_a_small_blob() {
    let registry = Registry::start().await;
    let started = registry
        .service
        .start_upload(&name(NAME), Algorithm::Sha256)
        .await
        .unwrap();
    let offered = registry.offer(started.id, &layer(), false).await;
    assert_eq!(offered.unwrap(), None);
    let small = Bytes::from_static(b"small");
    let offered = registry.offer(started.id, &small, true).await;
    assert_eq!(offered.unwrap(), None);
    let target = registry.target(NAME).await;
    registry
        .service
        .finish_upload(
            &target,
            started.id,
            None,
            CHUNK,
            Digest::sha256(&small),
            body(small.clone()),
        )
        .await
        .unwrap();
    assert_eq!(registry.size(&small).await.unwrap(), 5);
}
