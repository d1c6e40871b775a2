//! Processes over one set of stores, and what clients do there.

use std::future::Future;
use std::sync::{Arc, Mutex};

use berth_domain::{MetadataKey, Principal, UserIdentity};
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_oci::Digest;
use berth_ports::{JobQueue, MetadataStore, NoStaging, OtherPorts, Ports, Task, Tasks};
use berth_service::{ADMIN, Body, NewProject, Service, ServiceSettings, Target};
use berth_testkit::image::{Content, Format, Image, Index};
use berth_testkit::{CountingIds, Faults, ManualClock, MemoryBlobs, MemorySpools, NoInstances};
use berth_upstream::HttpUpstream;
use bytes::Bytes;
use futures_util::stream;
use tokio::task::{AbortHandle, JoinHandle};

/// Stores that outlive their processes.
pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) faults: Faults,
    #[expect(dead_code, reason = "it is kept, not read")]
    guard: Box<dyn std::any::Any>,
}

/// A service and its tasks, which can be cut off.
pub(crate) struct Process {
    pub(crate) service: Arc<Service>,
    tasks: Arc<Mortal>,
}

/// Tasks that die with their process.
#[derive(Debug, Default)]
struct Mortal {
    running: Mutex<Vec<AbortHandle>>,
}

impl Mortal {
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let handle = tokio::spawn(task);
        self.running.lock().unwrap().push(handle.abort_handle());
        handle
    }

    fn is_idle(&self) -> bool {
        let running = self.running.lock().unwrap();
        running.iter().all(AbortHandle::is_finished)
    }
}

impl Tasks for Mortal {
    fn spawn(&self, task: Task) {
        drop(self.run(task));
    }
}

fn admin() -> UserIdentity {
    UserIdentity {
        id: ADMIN,
        name: "admin".parse().unwrap(),
        sysadmin: true,
    }
}

fn body(bytes: Bytes) -> Body {
    Box::pin(stream::iter([Ok(bytes)]))
}

impl World {
    /// One over these stores, with the project `library`. Objects are in memory.
    /// `guard` lives as long as it does.
    pub(crate) async fn over<S: MetadataStore>(
        store: Arc<S>,
        queue: Arc<dyn JobQueue>,
        clock: Arc<ManualClock>,
        guard: Box<dyn std::any::Any>,
    ) -> Self {
        let blobs = MemoryBlobs::default();
        let key = SealingKey::from_bytes([7; 32]);
        let others = OtherPorts {
            staging: Arc::new(NoStaging),
            blobs: Arc::new(blobs.clone()),
            queue,
            upstream: Arc::new(HttpUpstream::new().unwrap()),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: Arc::new(HostSecrets::new(&key).unwrap()),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
            tasks: Arc::new(TokioTasks::new()),
        };
        let ports = Ports::over(store, others);
        let world = Self {
            ports,
            blobs,
            clock,
            faults: Faults::default(),
            guard,
        };
        let new = NewProject {
            name: "library".parse().unwrap(),
            metadata: [(MetadataKey::Public, "true".to_owned())].into(),
            registry: None,
        };
        let service = world.start().service.clone();
        service.create_project(&admin(), new).await.unwrap();
        world
    }

    /// One more process. It keeps no promise for any time.
    pub(crate) fn start(&self) -> Arc<Process> {
        let tasks = Arc::new(Mortal::default());
        let ports = Ports {
            tasks: tasks.clone(),
            ..self.faults.wrap(self.ports.clone())
        };
        let settings = ServiceSettings {
            grace: std::time::Duration::ZERO,
            ..ServiceSettings::default()
        };
        let service = Arc::new(Service::new(ports, settings));
        Arc::new(Process { service, tasks })
    }
}

impl Process {
    /// Does something as part of the process.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.tasks.run(task)
    }

    /// Cuts everything off where it is.
    pub(crate) async fn crash(&self) {
        for task in self.tasks.running.lock().unwrap().iter() {
            task.abort();
        }
        self.idle().await;
    }

    /// Waits until nothing runs.
    pub(crate) async fn idle(&self) {
        while !self.tasks.is_idle() {
            tokio::task::yield_now().await;
        }
    }

    async fn target(&self, repository: &str) -> Target {
        let located = self.service.locate(&repository.parse().unwrap()).await;
        located.unwrap()
    }

    /// Pushes an image as clients do: asks for each blob, mounts it, uploads
    /// it. Whether that was answered with 201.
    pub(crate) async fn push(&self, repository: &str, image: &Image, tag: Option<&str>) -> bool {
        let target = self.target(repository).await;
        for blob in image.blobs() {
            if !self.has(&target, blob).await && !self.upload(&target, blob).await {
                return false;
            }
        }
        self.push_manifest(&target, &image.manifest, tag).await
    }

    pub(crate) async fn push_index(&self, repository: &str, images: &[Image]) {
        let target = self.target(repository).await;
        let index = Index::of(Format::Oci, images.to_vec());
        self.push_manifest(&target, &index.manifest, None).await;
    }

    async fn has(&self, target: &Target, blob: &Content) -> bool {
        let service = &self.service;
        if service.blob_size(target, blob.digest, true).await.is_ok() {
            return true;
        }
        let admin = Principal::User(admin());
        let mounted = service.mount_blob(&admin, target, blob.digest, None).await;
        mounted.unwrap_or(false)
    }

    async fn upload(&self, target: &Target, blob: &Content) -> bool {
        let pushed = self
            .service
            .push_blob(target, blob.digest, None, body(blob.bytes.clone()));
        pushed.await.is_ok()
    }

    async fn push_manifest(&self, target: &Target, manifest: &Content, tag: Option<&str>) -> bool {
        let tags = tag.map(|tag| tag.parse().unwrap()).into_iter().collect();
        let pushed = self.service.push_manifest(
            target,
            Some(&manifest.media_type),
            Some(manifest.digest),
            tags,
            manifest.bytes.clone(),
        );
        pushed.await.is_ok()
    }

    pub(crate) async fn delete(&self, repository: &str, digest: Digest) {
        let repository = repository.parse().unwrap();
        // It may not be there, or an index may name it.
        drop(self.service.delete_manifest(&repository, digest).await);
    }

    pub(crate) async fn delete_blob(&self, repository: &str, digest: Digest) {
        let target = self.target(repository).await;
        // It may not be there, or a manifest may name it.
        drop(self.service.delete_blob(&target, digest).await);
    }

    pub(crate) async fn sweep(&self) {
        let mut on = |_| std::ops::ControlFlow::Continue(());
        self.service.sweep_garbage(&mut on).await.unwrap();
    }

    /// Sends and does what jobs there are.
    pub(crate) async fn work(&self) {
        self.service.sweep_outbox().await.unwrap();
        let queue = &self.service.ports().queue;
        let hidden = std::time::Duration::from_mins(1);
        for delivery in queue.receive(10, hidden).await.unwrap() {
            if berth_jobs::handle(&self.service, delivery.envelope)
                .await
                .is_ok()
            {
                queue.delete(&delivery.receipt).await.unwrap();
            }
        }
    }
}
