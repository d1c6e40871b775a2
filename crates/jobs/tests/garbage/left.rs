//! What is left once all is quiet.

use std::collections::BTreeSet;
use std::time::Duration;

use berth_domain::{ManifestContent, ObjectKey};
use berth_oci::{Digest, ParsedManifest, Reference, RepositoryName};
use futures_util::StreamExt as _;
use jiff::Timestamp;

use crate::REPOSITORIES;
use crate::registry::{Process, World};

/// Lets time go by, does all jobs and sweeps, until nothing changes any more.
pub(crate) async fn drain(world: &World) {
    let process = world.start();
    for _ in 0..8 {
        world.clock.advance(Duration::from_hours(48));
        process.service.sweep_uploads().await.unwrap();
        for _ in 0..4 {
            process.work().await;
            process.idle().await;
        }
        process.sweep().await;
    }
}

impl Process {
    /// How many blobs of a manifest can be read whole.
    pub(crate) async fn readable(&self, repository: &str, digest: Digest) -> usize {
        let name: RepositoryName = repository.parse().unwrap();
        let target = self.service.locate(&name).await.unwrap();
        let reference = Reference::Digest(digest);
        let served = self.service.manifest(&target, &reference, false).await;
        let served = served.unwrap();
        let parsed = ParsedManifest::parse(Some(&served.media_type), &served.bytes.unwrap());
        let mut readable = 0;
        for blob in parsed.unwrap().blobs {
            let blob_digest = blob.digest;
            let link = self.service.ports().links.link(&name, blob_digest).await;
            let link = link.unwrap().unwrap();
            let span = berth_ports::Span {
                start: 0,
                end: link.size,
            };
            let stream = self.service.ports().blobs.stream(link.key, link.size, span);
            let mut hasher = berth_oci::Hasher::new(blob_digest.algorithm());
            let mut stream = stream.await.unwrap();
            while let Some(bytes) = stream.next().await {
                hasher.update(&bytes.unwrap());
            }
            assert_eq!(hasher.finish(), blob_digest);
            readable += 1;
        }
        readable
    }
}

/// All that live manifests name is there and can be read, and nothing else is.
pub(crate) async fn assert_nothing_left(world: &World, history: &str) {
    let process = world.start();
    let ports = &world.ports;
    let mut objects: BTreeSet<ObjectKey> = BTreeSet::new();
    let mut blobs = BTreeSet::new();
    for name in REPOSITORIES {
        let repository: RepositoryName = name.parse().unwrap();
        let unfinished = ports
            .repositories
            .unfinished_manifests(&repository, None, 100)
            .await
            .unwrap();
        assert_eq!(unfinished.items, [], "{history}");
        let mut named = BTreeSet::new();
        let live = ports.manifests.list_manifests(&repository, None, 100).await;
        for listed in live.unwrap().items {
            process.readable(name, listed.digest).await;
            let manifest = ports.manifests.manifest(&repository, listed.digest).await;
            let manifest = manifest.unwrap().unwrap();
            if let ManifestContent::Object(key) = manifest.content {
                objects.insert(key);
            }
            named.extend(named_by(&process, name, listed.digest).await);
        }
        let links = ports.links.list_links(&repository, None, 1000).await;
        let links = links.unwrap().items;
        let linked: BTreeSet<_> = links.iter().map(|link| link.digest).collect();
        // One may be condemned still, by who died: it is needed, and served.
        assert_eq!(linked, named, "{history}: links");
        for link in links {
            objects.insert(link.key);
            blobs.insert(link.digest);
        }
    }
    let stored = ports.links.list_blobs(None, 1000).await.unwrap().items;
    let stored: BTreeSet<_> = stored.iter().map(|blob| blob.digest).collect();
    assert_eq!(stored, blobs, "{history}: blobs");
    let found: BTreeSet<_> = world.blobs.keys().into_iter().collect();
    assert_eq!(found, objects, "{history}: objects");
    assert_queues_are_empty(world, history).await;
    let report = process.service.fsck(&mut |_| {}).await.unwrap();
    assert!(report.faults.is_empty(), "{history}: {:?}", report.faults);
}

async fn named_by(process: &Process, name: &str, digest: Digest) -> Vec<Digest> {
    let target = process.service.locate(&name.parse().unwrap()).await;
    let reference = Reference::Digest(digest);
    let served = process
        .service
        .manifest(&target.unwrap(), &reference, false)
        .await
        .unwrap();
    let bytes = served.bytes.unwrap();
    let parsed = ParsedManifest::parse(Some(&served.media_type), &bytes).unwrap();
    parsed.blobs.iter().map(|blob| blob.digest).collect()
}

async fn assert_queues_are_empty(world: &World, history: &str) {
    let ports = &world.ports;
    let entries = ports.gc.due(Timestamp::MAX, None, 100).await.unwrap();
    assert_eq!(entries, [], "{history}: the queue");
    let unsent = ports.outbox.unsent(Timestamp::MAX, 100).await.unwrap();
    assert_eq!(unsent, [], "{history}: the outbox");
    let sessions = ports.uploads.idle_uploads(Timestamp::MAX, 100).await;
    assert!(sessions.unwrap().items.is_empty(), "{history}: sessions");
    let jobs = ports.queue.receive(10, Duration::from_secs(1)).await;
    assert!(jobs.unwrap().is_empty(), "{history}: jobs");
}
