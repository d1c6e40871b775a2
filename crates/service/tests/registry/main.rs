//! The registry itself: pushes, pulls, deletions and logins, over stores in
//! memory that let others in between where real ones do.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use berth_domain::{
    ManifestState, MetadataKey, Nonce, ObjectKey, Principal, Project, UserIdentity,
};
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{BeginDelete, OtherPorts, Ports};
use berth_service::{
    ADMIN, Body, Chunk, NewProject, ProjectReference, Result, Service, ServiceSettings, Target,
};
use berth_testkit::image::{Content, Image};
use berth_testkit::{
    CountingIds, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, NoInstances,
};
use berth_upstream::HttpUpstream;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use doubles::{Disk, Interleaved, Moment, Secrets, Tags};

mod arrivals;
mod blobs;
mod deletions;
mod doubles;
mod garbage;
mod logins;
mod manifests;
mod projects;
mod pushes;
mod tokens;
mod uploads;

/// Where tests push to, unless they say otherwise.
const NAME: &str = "library/app";

/// How long an upload session may be idle here.
const UPLOAD_IDLE: Duration = Duration::from_mins(1);

/// A chunk of which the client says nothing.
const CHUNK: Chunk = Chunk {
    start: None,
    length: None,
};

/// A service with the public project `library`.
struct Registry {
    service: Arc<Service>,
    clock: Arc<ManualClock>,
    tasks: TokioTasks,
    disk: Arc<Disk>,
    /// The same objects, as clients get at them.
    staging: Arc<MemoryBlobs>,
    tags: Arc<Tags>,
    secrets: Arc<Secrets>,
}

impl Registry {
    async fn start() -> Self {
        Self::with_addresses(Duration::ZERO).await
    }

    /// One whose clients read blobs at the store itself, by addresses that are
    /// good for so long.
    async fn with_addresses(addresses: Duration) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let tasks = TokioTasks::new();
        let staging = Arc::new(MemoryBlobs::default());
        let disk = Arc::new(Disk::new(MemoryBlobs::clone(&staging)));
        let tags = Arc::new(Tags::over(store.clone()));
        let host = HostSecrets::new(&SealingKey::from_bytes([7; 32])).unwrap();
        let secrets = Arc::new(Secrets::over(host));
        let interleaved = Arc::new(Interleaved(store.clone()));
        let others = OtherPorts {
            staging: staging.clone(),
            blobs: disk.clone(),
            queue: store.clone(),
            upstream: Arc::new(HttpUpstream::new().unwrap()),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: secrets.clone(),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
            tasks: Arc::new(tasks.clone()),
        };
        let ports = Ports {
            sequences: interleaved.clone(),
            tags: tags.clone(),
            uploads: interleaved,
            ..Ports::over(store, others)
        };
        let settings = ServiceSettings {
            upload_idle: UPLOAD_IDLE,
            addresses,
            ..ServiceSettings::default()
        };
        let registry = Self {
            service: Arc::new(Service::new(ports, settings)),
            clock,
            tasks,
            disk,
            staging,
            tags,
            secrets,
        };
        registry.create_project("library", true).await;
        registry
    }

    fn ports(&self) -> &Ports {
        self.service.ports()
    }

    async fn create_project(&self, name: &str, public: bool) -> Project {
        let owner = UserIdentity {
            id: ADMIN,
            name: "admin".parse().unwrap(),
            sysadmin: true,
        };
        let new = NewProject {
            name: name.parse().unwrap(),
            metadata: [(MetadataKey::Public, public.to_string())].into(),
            registry: None,
        };
        self.service.create_project(&owner, new).await.unwrap()
    }

    async fn delete_project(&self, name: &str) {
        let reference = ProjectReference::Name(name.to_owned());
        let project = self.service.project(&reference).await.unwrap();
        self.service.delete_project(&project).await.unwrap();
    }

    async fn target(&self, repository: &str) -> Target {
        let located = self.service.locate(&repository.parse().unwrap()).await;
        located.unwrap()
    }

    async fn push_blob(&self, target: &Target, bytes: &Bytes) -> Result<()> {
        let digest = Digest::sha256(bytes);
        let body = body(bytes.clone());
        self.service.push_blob(target, digest, None, body).await
    }

    async fn push_blobs(&self, target: &Target, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(target, &blob.bytes).await.unwrap();
        }
    }

    async fn push_manifest(
        &self,
        target: &Target,
        manifest: &Content,
        tags: &[&str],
    ) -> Result<()> {
        let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let (media_type, bytes) = (Some(manifest.media_type.as_str()), &manifest.bytes);
        self.service
            .push_manifest(
                target,
                media_type,
                Some(manifest.digest),
                tags,
                bytes.clone(),
            )
            .await
            .map(drop)
    }

    /// Pushes an image with its blobs.
    async fn push(&self, target: &Target, image: &Image, tags: &[&str]) {
        self.push_blobs(target, image).await;
        self.push_manifest(target, &image.manifest, tags)
            .await
            .unwrap();
    }

    /// The digest that a tag names.
    async fn tagged(&self, repository: &str, tag: &str) -> Option<Digest> {
        let (repository, tag) = (repository.parse().unwrap(), tag.parse().unwrap());
        let tag = self.ports().tags.tag(&repository, &tag).await.unwrap();
        tag.map(|tag| tag.digest)
    }

    async fn state(&self, repository: &str, digest: Digest) -> Option<ManifestState> {
        let state = self
            .ports()
            .manifests
            .manifest_state(&repository.parse().unwrap(), digest)
            .await;
        state.unwrap().map(|(state, _)| state)
    }

    /// What is pending or being deleted, once no task runs.
    async fn unfinished(&self, repository: &str) -> Vec<(Digest, ManifestState, Nonce)> {
        self.tasks.idle().await;
        self.ports()
            .repositories
            .unfinished_manifests(&repository.parse().unwrap(), None, 10)
            .await
            .unwrap()
            .items
    }

    /// Begins a deletion and goes no further, as a crash does.
    async fn half_delete(&self, repository: &str, digest: Digest) {
        let (repository, manifests) = (repository.parse().unwrap(), &self.ports().manifests);
        let manifest = manifests.manifest(&repository, digest).await.unwrap();
        let deletion = BeginDelete {
            untouched_since: None,
            due: Timestamp::MAX,
        };
        manifests
            .begin_delete(&repository, digest, manifest.unwrap().nonce, &deletion)
            .await
            .unwrap();
    }

    /// Deletes the objects that jobs are there for, and returns them.
    async fn delete_objects(&self) -> Vec<ObjectKey> {
        self.tasks.idle().await;
        let mut deleted = Vec::new();
        loop {
            let queue = &self.ports().queue;
            let received = queue.receive(10, Duration::from_mins(1)).await.unwrap();
            if received.is_empty() {
                return deleted;
            }
            for delivery in received {
                if let berth_domain::Job::DeleteObject { key } = delivery.envelope.job {
                    self.service.delete_object(key).await.unwrap();
                    deleted.push(key);
                }
                queue.delete(&delivery.receipt).await.unwrap();
            }
        }
    }
}

fn name(repository: &str) -> RepositoryName {
    repository.parse().unwrap()
}

fn user(id: i64) -> Principal {
    Principal::User(UserIdentity {
        id: berth_domain::UserId(id),
        name: "ann".parse().unwrap(),
        sysadmin: false,
    })
}

/// A body of one piece.
fn body(bytes: Bytes) -> Body {
    Box::pin(stream::iter([Ok(bytes)]))
}

/// A body of several pieces, before each of which something happens.
fn body_with<F>(pieces: Vec<Bytes>, before: impl Fn() -> F + Send + 'static) -> Body
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::pin(stream::iter(pieces).then(move |piece| {
        let happens = before();
        async move {
            happens.await;
            Ok(piece)
        }
    }))
}

/// Runs a future for so many polls, then drops it as a server drops the request
/// of a client that went away.
async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
