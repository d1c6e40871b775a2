//! A try that its caller has given up may be executed later, after others have
//! followed: then it changes nothing.

use berth_domain::{LinkState, Manifest, ManifestState};
use berth_ports::{Clock, DeleteEnd, LinkStore, ManifestStore, UploadStore};

use super::{Faulty, fresh, layer, repository};

const TRANSACTION: &str = "TransactWriteItems";

#[tokio::test]
async fn a_session_that_was_created_again_after_its_end_stays_ended() {
    let faulty = Faulty::new().await;
    let late = faulty.dynamo.duplicate_next(TRANSACTION);
    let (session, store) = (faulty.upload().await, &faulty.store);
    assert!(faulty.dynamo.is_done());
    store.delete_upload(session.id, 0, &[]).await.unwrap();
    late.arrive().await;
    assert!(store.upload(session.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_manifest_that_was_hidden_again_after_its_restoration_stays_live() {
    let faulty = Faulty::new().await;
    let manifest = faulty.push("latest").await;
    let late = faulty.dynamo.duplicate_next(TRANSACTION);
    faulty.delete(&manifest).await.unwrap();
    assert!(faulty.dynamo.is_done());
    restore(&faulty, &manifest).await;
    late.arrive().await;
    assert_eq!(faulty.state(&manifest).await, Some(ManifestState::Live));
}

/// Its blobs may be gone by then.
#[tokio::test]
async fn a_manifest_that_was_restored_again_after_it_was_hidden_stays_hidden() {
    let faulty = Faulty::new().await;
    let manifest = faulty.push("latest").await;
    faulty.delete(&manifest).await.unwrap();
    let late = faulty.dynamo.duplicate_next(TRANSACTION);
    restore(&faulty, &manifest).await;
    assert!(faulty.dynamo.is_done());
    faulty.delete(&manifest).await.unwrap();
    late.arrive().await;
    assert_eq!(faulty.state(&manifest).await, Some(ManifestState::Deleting));
}

#[tokio::test]
async fn a_link_that_was_condemned_again_after_its_revival_stays_live() {
    let faulty = Faulty::new().await;
    let (id, token) = (faulty.prepare().await, fresh());
    let (store, repository, now) = (&faulty.store, repository(), faulty.clock.now());
    store.commit_link(&faulty.commit(id)).await.unwrap();
    let late = faulty.dynamo.duplicate_next(TRANSACTION);
    let condemned = store.condemn_link(&repository, layer(), id, token);
    condemned.await.unwrap();
    assert!(faulty.dynamo.is_done());
    let revived = store.revive_link(&repository, layer(), Some(token), now);
    revived.await.unwrap();
    late.arrive().await;
    let link = store.link(&repository, layer()).await.unwrap().unwrap();
    assert_eq!(link.state, LinkState::Live);
}

async fn restore(faulty: &Faulty, manifest: &Manifest) {
    let (repository, digest) = (&manifest.repository, manifest.digest);
    faulty
        .store
        .end_delete(repository, digest, manifest.nonce, &DeleteEnd::Restored)
        .await
        .unwrap();
}
