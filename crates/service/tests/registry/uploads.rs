//! Upload sessions: what keeps them alive, and who has them.

use std::time::Duration;

use berth_domain::UploadId;
use berth_oci::{Algorithm, Digest};
use berth_ports::{Clock as _, Finished};
use berth_service::{Body, Chunk, Error, Result, UploadStatus};
use bytes::Bytes;

use crate::{CHUNK, NAME, Registry, body, body_with, name};

const BYTES: Bytes = Bytes::from_static(b"some bytes");

impl Registry {
    async fn start_upload(&self) -> UploadId {
        let started = self
            .service
            .start_upload(&name(NAME), Algorithm::Sha256)
            .await;
        started.unwrap().id
    }

    async fn append(&self, id: UploadId, body: Body) -> Result<UploadStatus> {
        self.service
            .append_upload(&name(NAME), id, None, CHUNK, body)
            .await
    }

    async fn finish(&self, id: UploadId, bytes: &Bytes, body: Body) -> Result<()> {
        let target = self.target(NAME).await;
        let digest = Digest::sha256(bytes);
        self.service
            .finish_upload(&target, id, None, CHUNK, digest, body)
            .await
    }

    /// A body that takes much longer than a session may be idle, while sessions
    /// are swept.
    fn long_body(&self) -> (Bytes, Body) {
        let pieces: Vec<_> = (0..20_u8).map(|n| Bytes::from(vec![n; 3])).collect();
        let (clock, service) = (self.clock.clone(), self.service.clone());
        let body = body_with(pieces.clone(), move || {
            let (clock, service) = (clock.clone(), service.clone());
            async move {
                clock.advance(Duration::from_secs(20));
                service.sweep_uploads().await.unwrap();
            }
        });
        (pieces.concat().into(), body)
    }
}

#[tokio::test]
async fn a_session_that_a_long_request_feeds_is_not_swept() {
    let registry = Registry::start().await;
    let id = registry.start_upload().await;
    let (bytes, body) = registry.long_body();
    let status = registry.append(id, body).await.unwrap();
    assert_eq!(status.offset, bytes.len() as u64);
    let id = registry.start_upload().await;
    let (bytes, body) = registry.long_body();
    registry.finish(id, &bytes, body).await.unwrap();
    let (bytes, body) = registry.long_body();
    let target = registry.target("library/other").await;
    let digest = Digest::sha256(&bytes);
    registry
        .service
        .push_blob(&target, digest, None, body)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_sweep_ends_idle_sessions_only() {
    let registry = Registry::start().await;
    let idle = registry.start_upload().await;
    registry.append(idle, body(BYTES)).await.unwrap();
    registry.clock.advance(Duration::from_secs(40));
    let touched = registry.start_upload().await;
    registry.clock.advance(Duration::from_secs(40));
    assert_eq!(registry.service.sweep_uploads().await.unwrap(), 1);
    let status = async |id| registry.service.upload_status(&name(NAME), id).await;
    assert!(matches!(status(idle).await, Err(Error::UploadUnknown)));
    assert_eq!(status(touched).await.unwrap().offset, 0);
    registry.delete_objects().await;
    assert!(registry.disk.blobs.is_empty());
}

#[tokio::test]
async fn a_request_notices_that_its_session_was_ended_meanwhile() {
    let registry = Registry::start().await;
    let id = registry.start_upload().await;
    let (clock, service) = (registry.clock.clone(), registry.service.clone());
    let stalled = body_with(vec![BYTES], move || {
        let (clock, service) = (clock.clone(), service.clone());
        async move {
            clock.advance(Duration::from_secs(61));
            assert_eq!(service.sweep_uploads().await.unwrap(), 1);
        }
    });
    let finished = registry.finish(id, &BYTES, stalled).await;
    assert!(
        matches!(finished, Err(Error::UploadUnknown)),
        "{finished:?}"
    );
}

#[tokio::test]
async fn a_cancel_wins_against_a_request_that_claims_the_session_at_the_same_time() {
    for cancel_first in [false, true] {
        let registry = Registry::start().await;
        let id = registry.start_upload().await;
        let repository = name(NAME);
        let cancel = registry.service.cancel_upload(&repository, id);
        let append = registry.append(id, body(BYTES));
        let (cancelled, appended) = if cancel_first {
            tokio::join!(cancel, append)
        } else {
            let (appended, cancelled) = tokio::join!(append, cancel);
            (cancelled, appended)
        };
        assert!(cancelled.is_ok(), "{cancelled:?}");
        assert!(
            matches!(
                appended,
                Err(Error::UploadUnknown | Error::RangeInvalid { .. })
            ),
            "{appended:?}"
        );
        let status = registry.service.upload_status(&repository, id).await;
        assert!(matches!(status, Err(Error::UploadUnknown)), "{status:?}");
        registry.delete_objects().await;
        assert!(registry.disk.blobs.is_empty());
    }
}

#[tokio::test]
async fn a_session_whose_object_is_finished_takes_no_chunk_but_its_end() {
    let registry = Registry::start().await;
    let id = registry.start_upload().await;
    registry.append(id, body(BYTES)).await.unwrap();
    // A crash between the object's end and its link.
    let session = registry.ports().uploads.upload(id).await.unwrap().unwrap();
    let blobs = &registry.ports().blobs;
    let writer = blobs.write(session.key, session.state).await.unwrap();
    let finished = writer.finish(Digest::sha256(&BYTES)).await.unwrap();
    assert!(matches!(finished, Finished::Stored { .. }));

    let appended = registry.append(id, body(BYTES)).await;
    assert!(
        matches!(appended, Err(Error::UploadUnknown)),
        "{appended:?}"
    );
    let nothing = body(Bytes::new());
    registry.finish(id, &BYTES, nothing).await.unwrap();
    let target = registry.target(NAME).await;
    let size = registry
        .service
        .blob_size(&target, Digest::sha256(&BYTES), false)
        .await;
    assert_eq!(size.unwrap(), BYTES.len() as u64);
}

#[tokio::test]
async fn a_repeated_put_that_succeeded_succeeds() {
    let registry = Registry::start().await;
    let id = registry.start_upload().await;
    for _ in 0..2 {
        registry.finish(id, &BYTES, body(BYTES)).await.unwrap();
    }
    let other = Bytes::from_static(b"other bytes");
    let finished = registry.finish(id, &other, body(other.clone())).await;
    assert!(
        matches!(finished, Err(Error::UploadUnknown)),
        "{finished:?}"
    );
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_refused() {
    let registry = Registry::start().await;
    let target = registry.target(NAME).await;
    for length in [BYTES.len() as u64 - 1, BYTES.len() as u64 + 1] {
        let pushed = registry
            .service
            .push_blob(&target, Digest::sha256(&BYTES), Some(length), body(BYTES))
            .await;
        assert!(matches!(pushed, Err(Error::SizeInvalid(_))), "{pushed:?}");
    }
    registry.delete_objects().await;
    assert!(registry.disk.blobs.is_empty());
    let later = registry.clock.now() + Duration::from_secs(1);
    let sessions = registry.ports().uploads.idle_uploads(later, 10).await;
    assert_eq!(sessions.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_chunk_that_does_not_begin_where_the_upload_stands_is_told_where_that_is() {
    let registry = Registry::start().await;
    let id = registry.start_upload().await;
    registry.append(id, body(BYTES)).await.unwrap();
    let chunk = Chunk {
        start: Some(0),
        length: None,
    };
    let appended = registry
        .service
        .append_upload(&name(NAME), id, None, chunk, body(BYTES))
        .await;
    assert!(
        matches!(appended, Err(Error::RangeInvalid { offset: 10 })),
        "{appended:?}"
    );
}
