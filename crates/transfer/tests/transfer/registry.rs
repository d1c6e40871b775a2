//! Registries to move, and folders to move them by.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use berth_domain::{
    Cadence, GcOptions, ObjectKey, ProjectName, Role, Secret, UserIdentity, UserName,
};
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_oci::{Digest, RepositoryName, TagName};
use berth_ports::{BlobStore as _, JobQueue, MetadataStore, NoStaging, OtherPorts, Ports};
use berth_service::{
    ADMIN, Body, FirstStart, KeptManifest, NewPassword, NewProject, Profile, Service,
    ServiceSettings, Target,
};
use berth_store_local::{DataFolder, SqliteStore};
use berth_testkit::image::{Content, Format, Image, ImageBuilder, Index, Layer};
use berth_testkit::{
    CountingIds, Faults, ManualClock, MemoryBlobs, MemorySpools, MemoryStore, NoInstances,
};
use berth_transfer::{Exported, ImportOptions, Imported, Progress, Result};
use berth_upstream::HttpUpstream;
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use tempfile::TempDir;

/// The sealing key of all registries but those that say otherwise.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// A registry over stores of its own.
pub(crate) struct Registry {
    pub(crate) service: Arc<Service>,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) faults: Faults,
    tasks: TokioTasks,
    #[expect(dead_code, reason = "it is kept, not read")]
    guard: Box<dyn Any>,
}

impl Registry {
    pub(crate) fn in_memory() -> Self {
        Self::sealed_by(KEY)
    }

    pub(crate) fn sealed_by(key: [u8; 32]) -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self::over(store, clock, key, Box::new(()))
    }

    pub(crate) fn on_disk() -> Self {
        let clock = Arc::new(ManualClock::default());
        let directory = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(directory.path()).unwrap();
        let lock = folder.lock(Timestamp::UNIX_EPOCH, "nowhere").unwrap();
        let store = Arc::new(SqliteStore::open(&lock, clock.clone()).unwrap());
        Self::over(store, clock, KEY, Box::new((directory, lock)))
    }

    fn over<S>(store: Arc<S>, clock: Arc<ManualClock>, key: [u8; 32], guard: Box<dyn Any>) -> Self
    where
        S: MetadataStore + JobQueue,
    {
        let (blobs, tasks) = (MemoryBlobs::default(), TokioTasks::new());
        let key = SealingKey::from_bytes(key);
        let others = OtherPorts {
            staging: Arc::new(NoStaging),
            blobs: Arc::new(blobs.clone()),
            queue: store.clone(),
            upstream: Arc::new(HttpUpstream::new().unwrap()),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: Arc::new(HostSecrets::new(&key).unwrap()),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
            tasks: Arc::new(tasks.clone()),
        };
        let faults = Faults::default();
        let ports = faults.wrap(Ports::over(store, others));
        let service = Arc::new(Service::new(ports, ServiceSettings::default()));
        Self {
            service,
            blobs,
            clock,
            faults,
            tasks,
            guard,
        }
    }

    pub(crate) fn ports(&self) -> &Ports {
        self.service.ports()
    }

    /// One with some of everything.
    pub(crate) async fn with_some_of_everything() -> Self {
        let registry = Self::in_memory();
        registry.fill().await;
        registry
    }

    async fn fill(&self) {
        self.start(Some("dckr_pat")).await;
        self.clock.advance(Duration::from_secs(5));
        let ann = self.user("ann").await;
        let project = self.project("apps", &ann).await;
        let bob = self.user("bob").await;
        let bob = self.service.user(bob.id).await.unwrap();
        self.service
            .add_member(&project.project, &bob, Role::Guest)
            .await
            .unwrap();
        let cron = "0 0 3 * * *".parse().unwrap();
        let schedule = Some((Cadence::Daily, cron, GcOptions::default()));
        self.service.set_gc_schedule(schedule).await.unwrap();

        let shared = Layer::random(60_000);
        let image = Image::builder().with_layer(shared.clone()).build();
        self.push(&self.target("apps/web").await, &image, &["v1", "latest"])
            .await;
        let signature = Image::builder()
            .subject(&image.manifest)
            .artifact_type("application/vnd.example.signature")
            .annotation("long", "x".repeat(20_000))
            .build();
        self.clock.advance(Duration::from_secs(1));
        self.push(&self.target("apps/web").await, &signature, &[])
            .await;
        let target = self.target("library/multi").await;
        let images = ["linux/amd64", "linux/arm64"].map(|platform| {
            Image::builder()
                .platform(platform)
                .with_layer(shared.clone())
        });
        let index = Index::of(Format::Docker, images.map(ImageBuilder::build).into());
        for image in &index.images {
            self.push(&target, image, &[]).await;
        }
        self.push_manifest(&target, &index.manifest, &["multi"])
            .await;
        self.fill_cache().await;
    }

    /// A manifest of a proxy project, one of whose blobs is not held, and whose
    /// tag was confirmed later.
    async fn fill_cache(&self) {
        let target = self.target("dockerhub/library/alpine").await;
        let image = Image::random(1000);
        self.push_blob(&target, &image.config).await;
        let kept = KeptManifest {
            digest: image.digest(),
            id: berth_domain::ArtifactId(77),
            media_type: image.manifest.media_type.clone(),
            pushed_at: self.now(),
            bytes: image.manifest.bytes.clone(),
        };
        let manifest = self.service.restore_manifest(&target, kept).await.unwrap();
        let (tags, name) = (&self.ports().tags, tag("3"));
        let put = tags.put_tags(&manifest, std::slice::from_ref(&name), self.now());
        put.await.unwrap();
        self.clock.advance(Duration::from_mins(3));
        let held = tags.tag(&target.repository, &name).await.unwrap().unwrap();
        tags.confirm_tag(&target.repository, &name, held.version, self.now())
            .await
            .unwrap();
    }

    /// The first start, with a login at Docker Hub if there is one.
    pub(crate) async fn start(&self, token: Option<&str>) {
        let first = FirstStart {
            admin_password: NewPassword::new(Secret::new("Correct1Horse")).unwrap(),
            dockerhub: token.map(|token| ("ann".to_owned(), Secret::new(token))),
        };
        assert!(self.service.first_start(first).await.unwrap());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports().clock.now()
    }

    pub(crate) async fn user(&self, name: &str) -> UserIdentity {
        let email = format!("{name}@example.test");
        let profile = Profile::new(email, name.to_owned(), String::new()).unwrap();
        let name: UserName = name.parse().unwrap();
        let password = NewPassword::new(Secret::new("Correct1Horse")).unwrap();
        let user = self.service.create_user(name, profile, password);
        let user = user.await.unwrap();
        UserIdentity {
            id: user.id,
            name: user.name,
            sysadmin: false,
        }
    }

    pub(crate) async fn project(&self, name: &str, owner: &UserIdentity) -> Target {
        let new = NewProject {
            name: name.parse::<ProjectName>().unwrap(),
            metadata: BTreeMap::new(),
            registry: None,
        };
        self.service.create_project(owner, new).await.unwrap();
        self.target(&format!("{name}/any")).await
    }

    pub(crate) async fn admin(&self) -> UserIdentity {
        let user = self.service.user(ADMIN).await.unwrap();
        UserIdentity {
            id: user.id,
            name: user.name,
            sysadmin: user.sysadmin,
        }
    }

    pub(crate) async fn target(&self, repository: &str) -> Target {
        self.service.locate(&name(repository)).await.unwrap()
    }

    pub(crate) async fn push_blob(&self, target: &Target, blob: &Content) {
        let body: Body = Box::pin(stream::iter([Ok(blob.bytes.clone())]));
        let pushed = self.service.push_blob(target, blob.digest, None, body);
        pushed.await.unwrap();
    }

    pub(crate) async fn push_manifest(&self, target: &Target, manifest: &Content, tags: &[&str]) {
        let tags = tags.iter().copied().map(tag).collect();
        let (media_type, digest) = (manifest.media_type.as_str(), manifest.digest);
        self.service
            .push_manifest(
                target,
                Some(media_type),
                Some(digest),
                tags,
                manifest.bytes.clone(),
            )
            .await
            .unwrap();
    }

    /// Pushes an image with its blobs.
    pub(crate) async fn push(&self, target: &Target, image: &Image, tags: &[&str]) {
        for blob in image.blobs() {
            self.push_blob(target, blob).await;
        }
        self.push_manifest(target, &image.manifest, tags).await;
    }

    /// The digest that a tag names.
    pub(crate) async fn tagged(&self, repository: &str, as_tag: &str) -> Option<Digest> {
        let tags = &self.ports().tags;
        let held = tags.tag(&name(repository), &tag(as_tag)).await.unwrap();
        held.map(|tag| tag.digest)
    }

    /// Where a blob's bytes are.
    pub(crate) async fn key_of(&self, digest: Digest) -> Option<ObjectKey> {
        let blob = self.ports().links.blob(digest).await.unwrap();
        blob.map(|blob| blob.key)
    }

    /// Replaces the bytes of a blob in the store.
    pub(crate) async fn damage(&self, digest: Digest, bytes: &'static [u8]) {
        let key = self.key_of(digest).await.unwrap();
        self.blobs.delete(&[key]).await.unwrap();
        let bytes = Bytes::from_static(bytes);
        self.blobs.put(key, bytes).await.unwrap();
    }

    pub(crate) async fn export(&self, folder: &Folder) -> Result<Exported> {
        berth_transfer::export(&self.service, &folder.path(), &Progress::default()).await
    }

    pub(crate) async fn exported(&self) -> Folder {
        let folder = Folder::new();
        let exported = self.export(&folder).await.unwrap();
        assert_eq!(exported.problems, [""; 0]);
        folder
    }

    pub(crate) async fn import(&self, folder: &Folder) -> Result<Imported> {
        self.import_with(folder, ImportOptions::default()).await
    }

    pub(crate) async fn import_with(
        &self,
        folder: &Folder,
        options: ImportOptions,
    ) -> Result<Imported> {
        let progress = Progress::default();
        let imported =
            berth_transfer::import(&self.service, &folder.path(), options, &progress).await;
        self.tasks.idle().await;
        if let Ok(imported) = &imported
            && imported.conflicts.is_empty()
        {
            assert_eq!(progress.done(), imported.counts.bytes);
            assert_eq!(progress.total(), imported.counts.bytes);
        }
        imported
    }

    /// What a verification finds wrong.
    pub(crate) async fn faults_of_fsck(&self) -> Vec<String> {
        let report = self.service.fsck(&mut |_| {}).await.unwrap();
        report.faults.iter().map(ToString::to_string).collect()
    }
}

/// A folder that is exported to.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Not made yet.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("export")
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub(crate) fn blob(&self, digest: Digest) -> PathBuf {
        self.path().join("blobs/sha256").join(digest.hex())
    }

    /// Its records, by file.
    pub(crate) fn records(&self) -> BTreeMap<String, String> {
        files(&self.file("records"))
            .into_iter()
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    /// The names of its blobs' files.
    pub(crate) fn blobs(&self) -> Vec<PathBuf> {
        files(&self.file("blobs/sha256"))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

pub(crate) fn name(repository: &str) -> RepositoryName {
    repository.parse().unwrap()
}

pub(crate) fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}
