//! Blobs that clients put into the store themselves.

use std::time::Duration;

use berth_domain::UploadId;
use berth_oci::{Algorithm, Digest};
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
    registry.clock.advance(UPLOAD_IDLE - Duration::from_secs(1));
    let (_, second) = registry.redirect(&layer()).await;
    assert_eq!(first, second);
    registry.clock.advance(Duration::from_secs(2));
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
