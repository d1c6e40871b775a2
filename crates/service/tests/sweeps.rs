//! Sweeps, over stores in memory.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;
use std::time::Duration;

use berth_domain::{Envelope, Job, ObjectKey, UploadId, UploadSession, WriteState};
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_oci::Algorithm;
use berth_ports::{Clock as _, NoStaging, OtherPorts, Ports};
use berth_service::{Service, ServiceSettings};
use berth_testkit::{
    CountingIds, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, NoInstances,
};
use berth_upstream::HttpUpstream;

/// More than a sweep reads at once.
const MANY: usize = 250;

const LONG: Duration = Duration::from_hours(1000);

fn ports(clock: &Arc<ManualClock>) -> Ports {
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let key = SealingKey::from_bytes([7; 32]);
    let others = OtherPorts {
        staging: Arc::new(NoStaging),
        blobs: Arc::new(MemoryBlobs::default()),
        queue: store.clone(),
        upstream: Arc::new(HttpUpstream::new().unwrap()),
        instances: Arc::new(NoInstances),
        spools: Arc::new(MemorySpools),
        secrets: Arc::new(HostSecrets::new(&key).unwrap()),
        clock: clock.clone(),
        ids: Arc::new(CountingIds::default()),
        tasks: Arc::new(TokioTasks::new()),
    };
    Ports::over(store, others)
}

async fn begin_upload(ports: &Ports) -> UploadSession {
    let session = UploadSession {
        id: UploadId::from(ports.ids.fresh()),
        repository: "a/b".parse().unwrap(),
        key: ObjectKey::from(ports.ids.fresh()),
        epoch: 1,
        state: WriteState::new(Algorithm::Sha256),
        created_at: ports.clock.now(),
        touched_at: ports.clock.now(),
    };
    ports.uploads.create_upload(&session).await.unwrap();
    session
}

#[tokio::test]
async fn one_sweep_ends_all_idle_uploads() {
    let clock = Arc::new(ManualClock::default());
    let ports = ports(&clock);
    for _ in 0..MANY {
        begin_upload(&ports).await;
    }
    clock.advance(LONG);
    let kept = begin_upload(&ports).await;
    let service = Service::new(ports.clone(), ServiceSettings::default());
    assert_eq!(service.sweep_uploads().await.unwrap(), MANY);
    clock.advance(LONG);
    let left = ports
        .uploads
        .idle_uploads(clock.now(), MANY)
        .await
        .unwrap()
        .items;
    let left: Vec<_> = left.iter().map(|session| session.id).collect();
    assert_eq!(left, [kept.id]);
}

#[tokio::test]
async fn one_sweep_sends_all_that_waits_in_the_outbox() {
    let clock = Arc::new(ManualClock::default());
    let ports = ports(&clock);
    for _ in 0..MANY {
        let UploadSession { id, key, epoch, .. } = begin_upload(&ports).await;
        let job = Envelope::new(ports.ids.fresh().into(), Job::DeleteObject { key });
        ports
            .uploads
            .delete_upload(id, epoch, &[job])
            .await
            .unwrap();
    }
    clock.advance(LONG);
    let service = Service::new(ports.clone(), ServiceSettings::default());
    assert_eq!(service.sweep_outbox().await.unwrap(), MANY);
    assert_eq!(ports.outbox.unsent(clock.now(), MANY).await.unwrap(), []);
}

#[tokio::test]
async fn a_start_deletes_unfinished_objects_that_no_session_owns() {
    let clock = Arc::new(ManualClock::default());
    let ports = ports(&clock);
    let owned = begin_upload(&ports).await;
    let lost = ObjectKey::from(ports.ids.fresh());
    for key in [owned.key, lost] {
        let writer = ports.blobs.write(key, owned.state.clone()).await.unwrap();
        writer.pause().await.unwrap();
    }
    let service = Service::new(ports.clone(), ServiceSettings::default());
    assert_eq!(service.discard_ownerless().await.unwrap(), 1);
    assert_eq!(ports.blobs.unfinished().await.unwrap(), [owned.key]);
    assert_eq!(service.discard_ownerless().await.unwrap(), 0);
}
