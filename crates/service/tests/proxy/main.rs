//! The pull-through cache: the service over stores in memory, the real client,
//! and a Docker Hub double that listens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use berth_domain::{
    EndpointKind, MetadataKey, Project, ProjectId, RegistryEndpoint, RegistryId, UserId, Version,
};
use berth_host::{HostSecrets, RandomIds, SealingKey, TokioTasks};
use berth_oci::Digest;
use berth_ports::{Access, Clock, NoStaging, OtherPorts, Ports, Span, StoreResult, UpstreamError};
use berth_service::{BlobHandle, Error, Result, ServedManifest, Service, ServiceSettings, Target};
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::{MemoryBlobs, MemorySpools, MemoryStore, NoInstances};
use berth_upstream::HttpUpstream;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use jiff::Timestamp;

mod blobs;
mod fills;
mod full;
mod instances;
mod limits;
mod lists;
mod manifests;
mod namespaces;

/// A clock that a test puts forward; sleeps are real.
#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl TestClock {
    fn starting_now() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::now())))
    }

    fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A service with two proxy projects of one upstream: `hub` and `other`.
struct Cache {
    hub: Hub,
    service: Arc<Service>,
    clock: Arc<TestClock>,
}

impl Cache {
    async fn of(settings: HubSettings) -> Self {
        let clock = TestClock::starting_now();
        Self::over(settings, ports(clock.clone()), clock).await
    }

    async fn over(settings: HubSettings, ports: Ports, clock: Arc<TestClock>) -> Self {
        let hub = Hub::start_with(settings).await;
        let service = Arc::new(Service::new(ports, ServiceSettings::default()));
        let cache = Self {
            hub,
            service,
            clock,
        };
        cache
            .endpoint(1, EndpointKind::DockerHub, &cache.hub.url())
            .await;
        for (id, name) in [(1, "hub"), (2, "other")] {
            cache.project(id, name, Some(1), true).await;
        }
        cache
    }

    async fn docker_hub() -> Self {
        Self::of(HubSettings::docker_hub()).await
    }

    /// A registry without login, limits or CDN.
    async fn open() -> Self {
        Self::of(HubSettings::open()).await
    }

    fn ports(&self) -> &Ports {
        self.service.ports()
    }

    async fn endpoint(&self, id: i64, kind: EndpointKind, url: &str) {
        let now = self.clock.now();
        let endpoint = RegistryEndpoint {
            id: RegistryId(id),
            name: format!("endpoint {id}"),
            description: String::new(),
            kind,
            url: url.to_owned(),
            credential: None,
            insecure: false,
            created_at: now,
            updated_at: now,
            version: Version(1),
        };
        self.ports()
            .registries
            .create_registry(&endpoint)
            .await
            .unwrap();
    }

    async fn project(&self, id: i64, name: &str, registry: Option<i64>, public: bool) {
        let now = self.clock.now();
        let project = Project {
            id: ProjectId(id),
            name: name.parse().unwrap(),
            owner: UserId(1),
            registry: registry.map(RegistryId),
            metadata: [(MetadataKey::Public, public.to_string())].into(),
            created_at: now,
            updated_at: now,
            version: Version(1),
        };
        self.ports()
            .projects
            .create_project(&project)
            .await
            .unwrap();
    }

    async fn target(&self, repository: &str) -> Target {
        self.service
            .locate(&repository.parse().unwrap())
            .await
            .unwrap()
    }

    async fn get(&self, repository: &str, reference: &str) -> Result<ServedManifest> {
        let target = self.target(repository).await;
        self.service
            .manifest(&target, &reference.parse().unwrap(), false)
            .await
    }

    async fn head(&self, repository: &str, reference: &str) -> Result<ServedManifest> {
        let target = self.target(repository).await;
        self.service
            .manifest(&target, &reference.parse().unwrap(), true)
            .await
    }

    async fn blob(&self, repository: &str, digest: Digest) -> Result<BlobHandle> {
        let target = self.target(repository).await;
        self.service.blob(&target, digest).await
    }

    /// The whole blob.
    async fn read(&self, repository: &str, digest: Digest) -> Result<Bytes> {
        let blob = self.blob(repository, digest).await?;
        Ok(read(&blob, 0..blob.size).await?)
    }

    async fn is_held(&self, repository: &str, digest: Digest) -> bool {
        let repository = repository.parse().unwrap();
        self.ports()
            .links
            .link(&repository, digest)
            .await
            .unwrap()
            .is_some()
    }

    /// Neither link, blob, session nor manifest is there.
    async fn assert_no_trace(&self, repository: &str) {
        let repository = repository.parse().unwrap();
        let ports = self.ports();
        let links = ports.links.list_links(&repository, None, 10).await.unwrap();
        assert_eq!(links.items, []);
        assert_eq!(ports.links.list_blobs(None, 10).await.unwrap().items, []);
        let manifests = ports
            .manifests
            .list_manifests(&repository, None, 10)
            .await
            .unwrap();
        assert_eq!(manifests.items, []);
        let later = self.clock.now() + Duration::from_secs(1);
        let sessions = ports.uploads.idle_uploads(later, 10).await.unwrap();
        assert!(sessions.items.is_empty(), "{:?}", sessions.items);
    }
}

fn ports(clock: Arc<TestClock>) -> Ports {
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
        clock,
        ids: Arc::new(RandomIds),
        tasks: Arc::new(TokioTasks::new()),
    };
    Ports::over(store, others)
}

async fn read(blob: &BlobHandle, span: std::ops::Range<u64>) -> StoreResult<Bytes> {
    let span = Span {
        start: span.start,
        end: span.end,
    };
    let Ok(Access::Stream(mut stream)) = blob.open(span, &|_| true).await else {
        panic!("no stream");
    };
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes.freeze())
}

/// The upstream's failure.
fn upstream_error<T>(result: Result<T>) -> UpstreamError {
    match result {
        Err(Error::Upstream(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it succeeded"),
    }
}

fn upstream_status<T>(result: Result<T>) -> u16 {
    match upstream_error(result) {
        UpstreamError::Status { status, .. } => status,
        error => panic!("{error}"),
    }
}
