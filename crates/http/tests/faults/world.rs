//! The world that walks begin in: stores in memory, to be copied.

use std::sync::Arc;

use berth_domain::{PasswordHash, Secret, User, UserId};
use berth_host::{HostSecrets, SealingKey, TokioTasks};
use berth_ports::{Clock as _, OtherPorts, Ports};
use berth_service::{FirstStart, NewPassword};
use berth_testkit::image::{Content, Image};
use berth_testkit::{CountingIds, MemoryBlobs, MemorySpools, MemoryStore, NoInstances};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::clock::TestClock;
use crate::upstream::{Upstream, image, index};
use crate::walk::Sent;
use crate::walks::gc::schedule;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "Harbor12345";

/// Its hash, cheap to verify.
pub(crate) const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdCBvZiBhIHRlc3QuLg$gpupL6MBzxtpbU4P8S9pQHRf74s0rQwlUdbhyxVSDq0";

/// Repositories that walks push to; some have no record before.
pub(crate) const NAMES: [&str; 6] = [
    "library/app",
    "library/new",
    "library/mounted",
    "team/app",
    "cache/library/cold",
    "cache/library/warm",
];

/// What is in the world without any process.
pub(crate) struct World {
    store: Arc<MemoryStore>,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) clock: Arc<TestClock>,
    /// All copies take from one source, so that no id is there twice.
    ids: Arc<CountingIds>,
    secrets: Arc<HostSecrets>,
    pub(crate) upstream: Upstream,
    /// Where an upload goes on.
    pub(crate) upload: String,
}

impl World {
    /// Nothing was done in it yet.
    pub(crate) async fn empty() -> Self {
        let clock = Arc::new(TestClock::at(Timestamp::now()));
        let key = SealingKey::from_bytes([7; 32]);
        Self {
            store: Arc::new(MemoryStore::new(clock.clone())),
            blobs: MemoryBlobs::default(),
            clock,
            ids: Arc::new(CountingIds::new()),
            secrets: Arc::new(HostSecrets::new(&key).unwrap()),
            upstream: Upstream::start().await,
            upload: String::new(),
        }
    }

    /// A copy that goes its own way.
    pub(crate) fn fork(&self) -> Self {
        let clock = Arc::new(TestClock::at(self.clock.now()));
        Self {
            store: Arc::new(self.store.fork(clock.clone())),
            blobs: self.blobs.fork(),
            clock,
            ids: self.ids.clone(),
            secrets: self.secrets.clone(),
            upstream: self.upstream.clone(),
            upload: self.upload.clone(),
        }
    }

    /// A new process over a copy.
    pub(crate) fn berth(&self) -> Berth {
        Berth::over(self.fork())
    }

    pub(crate) fn ports(&self, tasks: TokioTasks) -> Ports {
        let others = OtherPorts {
            staging: Arc::new(self.blobs.clone()),
            blobs: Arc::new(self.blobs.clone()),
            queue: self.store.clone(),
            upstream: self.upstream.client.clone(),
            instances: Arc::new(NoInstances),
            spools: Arc::new(MemorySpools),
            secrets: self.secrets.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            tasks: Arc::new(tasks),
        };
        Ports::over(self.store.clone(), others)
    }

    /// One that has been used for a while:
    ///
    /// - users `ann` (2), `ben` (3) and `cat` (4)
    /// - registries `hub` (2) and `spare` (3)
    /// - projects `team` of ann with the member ben, `empty` of ann, and the
    ///   public proxy project `cache` of `hub`
    /// - `library/app` with the images `v1`, `v2` and `large`, the index
    ///   `multi`, a referrer of `v1`, and a blob that no manifest names
    /// - `cache/library/warm:latest`, pulled
    /// - a garbage collection (1) that has ended
    /// - an upload to `library/app` that goes on at [`upload`](Self::upload)
    pub(crate) async fn used() -> Self {
        let berth = Berth::over(Self::empty().await);
        berth.service.first_start(first_start()).await.unwrap();
        berth.cheapen(UserId(1)).await;
        for (id, name) in [(2, "ann"), (3, "ben"), (4, "cat")] {
            let user = json!({
                "username": name, "email": format!("{name}@berth.test"),
                "realname": name, "password": PASSWORD,
            });
            berth.must(Sent::api("POST /users").json(&user)).await;
            berth.cheapen(UserId(id)).await;
        }
        for name in ["hub", "spare"] {
            let url = berth.world.upstream.hub.url();
            let registry = json!({ "name": name, "type": "docker-registry", "url": url });
            berth
                .must(Sent::api("POST /registries").json(&registry))
                .await;
        }
        for name in ["team", "empty"] {
            let project = json!({ "project_name": name, "metadata": { "auto_scan": "false" } });
            berth
                .must(Sent::api("POST /projects").by("ann").json(&project))
                .await;
        }
        let cache = json!({ "project_name": "cache", "public": true, "registry_id": 2 });
        berth.must(Sent::api("POST /projects").json(&cache)).await;
        let member = json!({ "role_id": 2, "member_user": { "username": "ben" } });
        berth
            .must(Sent::api("POST /projects/team/members").json(&member))
            .await;
        berth.push_images().await;
        berth.pull("cache/library/warm", &image("warm")).await;
        berth.must(schedule("POST", "Manual", "")).await;
        berth.settle().await;
        let upload = berth.begin_upload().await;
        World {
            upload,
            ..berth.world.fork()
        }
    }
}

/// How much of [`halved_blob`] is uploaded.
pub(crate) const HALF: usize = 5;

/// A blob whose first half is uploaded.
pub(crate) fn halved_blob() -> Content {
    Content::new("application/octet-stream", "some bytes to be halved")
}

/// An image whose manifest is too large for its record.
pub(crate) fn large_image() -> Image {
    let note = "x".repeat(berth_domain::INLINE_MANIFEST_BYTES);
    let small = image("large").layers.remove(1).bytes;
    Image::builder()
        .with_layer(berth_testkit::image::Layer::of_file("l", &small))
        .annotation("note", note)
        .build()
}

/// An image whose blobs are a few bytes.
pub(crate) fn small_image() -> Image {
    Image::builder()
        .with_layer(berth_testkit::image::Layer::of_file("file", b"bytes"))
        .build()
}

/// An image that refers to another.
pub(crate) fn referrer(subject: &Image, kind: &str) -> Image {
    let layer = berth_testkit::image::Layer::of_file("signature", kind.as_bytes());
    Image::builder()
        .with_layer(layer)
        .artifact_type(kind)
        .subject(&subject.manifest)
        .build()
}

/// A blob that no manifest names.
pub(crate) fn loose_blob() -> Content {
    Content::new("application/octet-stream", "some bytes")
}

pub(crate) fn first_start() -> FirstStart {
    FirstStart {
        admin_password: NewPassword::new(Secret::new(PASSWORD)).unwrap(),
        dockerhub: None,
    }
}

impl Berth {
    /// Makes a user's password cheap to verify.
    async fn cheapen(&self, id: UserId) {
        let access = &self.ports().access;
        let user = access.user_by_id(id).await.unwrap().unwrap();
        let password = PasswordHash(HASH.to_owned());
        access
            .update_user(&User { password, ..user })
            .await
            .unwrap();
    }

    /// Sends what must succeed.
    pub(crate) async fn must(&self, sent: Sent) -> Answer {
        let answer = self.send(sent.request()).await;
        assert!(answer.is_success(), "{sent}: {answer}");
        answer
    }

    async fn begin_upload(&self) -> String {
        let begun = self
            .must(Sent::new("POST /v2/library/app/blobs/uploads/"))
            .await;
        let half = halved_blob().bytes.slice(..HALF);
        let patch = Sent::new(&format!("PATCH {}", begun.location().unwrap()));
        let patched = self
            .must(patch.bytes("application/octet-stream", half))
            .await;
        patched.location().unwrap().to_owned()
    }

    async fn push_images(&self) {
        let name = "library/app";
        self.push(name, "v1", &image("one")).await;
        self.push(name, "v2", &image("two")).await;
        self.push(name, "large", &large_image()).await;
        let index = index(&["arm", "amd"]);
        for image in &index.images {
            self.push(name, &image.digest().to_string(), image).await;
        }
        self.must(Sent::manifest(name, "multi", &index.manifest))
            .await;
        let signature = referrer(&image("one"), "application/x.signature");
        self.push(name, &signature.digest().to_string(), &signature)
            .await;
        self.must(Sent::blob(name, &loose_blob())).await;
    }

    pub(crate) async fn push(&self, repository: &str, reference: &str, image: &Image) {
        for blob in image.blobs() {
            self.must(Sent::blob(repository, blob)).await;
        }
        self.must(Sent::manifest(repository, reference, &image.manifest))
            .await;
    }

    pub(crate) async fn pull(&self, repository: &str, image: &Image) {
        let manifest = format!("GET /v2/{repository}/manifests/latest");
        self.must(Sent::new(&manifest)).await;
        for blob in image.blobs() {
            let line = format!("GET /v2/{repository}/blobs/{}", blob.digest);
            let pulled = self.must(Sent::new(&line)).await;
            assert_eq!(pulled.status, StatusCode::OK);
            assert_eq!(pulled.body.as_ref(), Some(&blob.bytes));
        }
    }
}
