//! The use cases, one after the other, each on what those before it left.

use std::time::Duration;

use berth_domain::{
    EndpointKind, MetadataKey, Project, ProjectId, RegistryEndpoint, RegistryId, UserId, Version,
};
use berth_oci::Digest;
use berth_ports::Clock as _;
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::{Image, ImageBuilder, seeded_bytes};
use bytes::Bytes;

use super::books::{Books, Uploads};
use super::case::Case;

/// Layers of the images that are pushed and pulled; the config is one more blob.
const LAYERS: usize = 5;
const MB: u64 = 1_000_000;

/// Does all of it.
pub(crate) async fn walk() -> Vec<Case> {
    let mut books = Books::open(Uploads::Redirected).await;
    redirected(&mut books).await;
    let redirected = books.cases;
    let mut books = Books::open(Uploads::Streamed).await;
    let pushed = pushes(&mut books).await;
    books.cases.extend(redirected);
    pulls(&mut books, &pushed).await;
    lists(&mut books, &pushed).await;
    misses(&mut books).await;
    upkeep(&mut books).await;
    books.cases
}

fn image() -> Image {
    let layers = std::iter::repeat_n(1000, LAYERS);
    layers.fold(Image::builder(), ImageBuilder::layer).build()
}

/// Blobs of these sizes that nobody has yet.
fn blob(seed: u64, size: u64) -> Bytes {
    seeded_bytes(seed, 0..size)
}

/// POST, perhaps PATCH, and PUT; without PATCH the bytes come with the PUT.
async fn push_blob(books: &Books, repository: &str, bytes: &Bytes, patch: bool) {
    let started = books
        .ask(
            &format!("POST /v2/{repository}/blobs/uploads/"),
            Bytes::new(),
        )
        .await;
    assert_eq!(started.status, 202);
    let mut location = started.location();
    let mut rest = bytes.clone();
    if patch {
        let sent = std::mem::take(&mut rest);
        let patched = books.ask(&format!("PATCH {location}"), sent).await;
        assert_eq!(patched.status, 202);
        location = patched.location();
    }
    let digest = Digest::sha256(bytes);
    let line = format!("PUT {location}&digest={digest}");
    assert_eq!(books.ask(&line, rest).await.status, 201);
}

async fn push_manifest(books: &Books, repository: &str, tag: &str, image: &Image) {
    let line = format!("PUT /v2/{repository}/manifests/{tag}");
    let answer = books.ask(&line, image.manifest.bytes.clone()).await;
    assert_eq!(answer.status, 201);
}

/// An image whose blobs are there and whose manifest is not.
async fn image_with_blobs(books: &Books, repository: &str) -> Image {
    let image = image();
    for blob in image.blobs() {
        push_blob(books, repository, &blob.bytes, false).await;
    }
    image
}

async fn pushes(books: &mut Books) -> Image {
    let app = "library/app";
    let scopes = [
        "repository:library/app:pull,push",
        "repository:library/other:pull,push",
    ];
    books.log_in(&scopes).await;
    books.start_instance();
    books
        .enter(
            "user_token",
            "token for a user and a repository, from an instance that has just started",
            async |books| books.user_token(&scopes[..1]).await,
        )
        .await;
    let absent = Digest::sha256(b"absent");
    books
        .request(
            "blob_absent",
            "HEAD of a blob before its push: 404",
            &format!("HEAD /v2/{app}/blobs/{absent}"),
            404,
        )
        .await;
    let blobs = [
        ("push_1mb", "push of a blob of 1 MB: POST, PUT", 1, false),
        ("push_1mb_patch", "the same by POST, PATCH, PUT", 1, true),
        ("push_20mb", "push of a blob of 20 MB: POST, PUT", 20, false),
        ("push_20mb_patch", "the same by POST, PATCH, PUT", 20, true),
    ];
    for (seed, (name, request, size, patch)) in (1..).zip(blobs) {
        let bytes = blob(seed, size * MB);
        books
            .enter(name, request, async |books| {
                push_blob(books, app, &bytes, patch).await;
            })
            .await;
    }
    let manifests = [
        (
            "manifest_first",
            "push of a manifest of 6 blobs with a new tag, the first of its repository",
            "1",
        ),
        (
            "manifest_new",
            "the same in a repository that is there",
            "2",
        ),
        ("manifest_moved", "the same with a tag that is moved", "2"),
    ];
    let mut pushed = image();
    for (name, request, tag) in manifests {
        pushed = image_with_blobs(books, app).await;
        books
            .enter(name, request, async |books| {
                push_manifest(books, app, tag, &pushed).await;
            })
            .await;
    }
    let digest = pushed.layers[0].digest;
    books
        .request(
            "mount",
            "mount of a blob",
            &format!("POST /v2/library/other/blobs/uploads/?mount={digest}&from={app}"),
            201,
        )
        .await;
    pushed
}

/// A push whose bytes go to S3 past us, with all that follows of it.
async fn push_past(books: &Books, repository: &str, bytes: &Bytes) {
    let started = format!("POST /v2/{repository}/blobs/uploads/");
    let started = books.ask(&started, Bytes::new()).await;
    let digest = Digest::sha256(bytes);
    let line = format!("PUT {}&digest={digest}", started.location());
    let agent = "containerd/v2.1.4";
    let sent = books.ask_as(agent, &line, bytes.clone()).await;
    assert_eq!(sent.status, 307);
    let put = reqwest::Client::new().put(sent.location());
    let put = put.body(bytes.clone()).send().await.unwrap();
    assert_eq!(put.status(), 200);
    let line = format!("HEAD /v2/{repository}/blobs/{digest}");
    assert_eq!(books.ask(&line, Bytes::new()).await.status, 200);
    books.finish_job().await;
}

/// Where clients are sent to S3 with what they push.
async fn redirected(books: &mut Books) {
    let app = "library/app";
    books.log_in(&["repository:library/app:pull,push"]).await;
    // Once a minute an instance reads whether S3 is good for it.
    push_past(books, app, &blob(200, 2 * MB)).await;
    // Longer than a project is known.
    books.clock.advance(Duration::from_secs(2));
    let absent = Digest::sha256(b"absent");
    books
        .request(
            "blob_absent_redirected",
            "where clients put blobs to S3: HEAD of a blob before its push: 404",
            &format!("HEAD /v2/{app}/blobs/{absent}"),
            404,
        )
        .await;
    let bytes = blob(201, 20 * MB);
    books
        .enter(
            "push_20mb_redirected",
            "its push, of 20 MB: POST, PUT, HEAD, and a job that clears up",
            async |books| push_past(books, app, &bytes).await,
        )
        .await;
    books.client_wrote();
}

/// The requests of one who may only pull, to an instance that has just started.
async fn pulls(books: &mut Books, pushed: &Image) {
    let scopes = ["repository:library/app:pull"];
    books.log_out(&scopes).await;
    books.start_instance();
    books
        .enter(
            "anonymous_token",
            "token without an account, from an instance that has just started",
            async |books| books.anonymous_token(&scopes).await,
        )
        .await;
    let digest = pushed.digest();
    let manifests = "/v2/library/app/manifests";
    let requests = [
        (
            "head_tag_first",
            "HEAD by tag, the first within a second in a project",
            format!("HEAD {manifests}/2"),
        ),
        ("head_tag", "HEAD by tag", format!("HEAD {manifests}/2")),
        (
            "get_tag_first",
            "GET by tag, the instance's first of this manifest",
            format!("GET {manifests}/2"),
        ),
        ("get_tag", "GET by tag", format!("GET {manifests}/2")),
        (
            "head_digest",
            "HEAD by digest",
            format!("HEAD {manifests}/{digest}"),
        ),
        (
            "get_digest",
            "GET by digest",
            format!("GET {manifests}/{digest}"),
        ),
    ];
    for (name, request, line) in requests {
        books.request(name, request, &line, 200).await;
    }
    let layer = &pushed.layers[0];
    let path = format!("/v2/library/app/blobs/{}", layer.digest);
    books
        .request("head_blob", "HEAD of a blob", &format!("HEAD {path}"), 200)
        .await;
    let answer = books
        .request("get_blob", "GET of a blob", &format!("GET {path}"), 307)
        .await;
    books.follow(&answer, &layer.bytes).await;
}

/// A page of 100 of 256 tags.
async fn lists(books: &mut Books, pushed: &Image) {
    let ports = books.service.ports();
    let repository = "library/app".parse().unwrap();
    let manifest = ports.manifests.manifest(&repository, pushed.digest()).await;
    let manifest = manifest.unwrap().unwrap();
    let names = (0..256).map(|number| format!("v1.2.{number:03}").parse().unwrap());
    let names: Vec<_> = names.collect();
    for names in names.chunks(32) {
        let now = books.clock.now();
        ports.tags.put_tags(&manifest, names, now).await.unwrap();
    }
    books
        .request(
            "tags",
            "tags, a page of 100",
            "GET /v2/library/app/tags/list?n=100",
            200,
        )
        .await;
}

/// A project that is a cache of `hub`.
async fn cache(books: &Books, hub: &Hub) {
    let (ports, now) = (books.service.ports(), books.clock.now());
    let endpoint = RegistryEndpoint {
        id: RegistryId(100),
        name: "hub".to_owned(),
        description: String::new(),
        kind: EndpointKind::DockerHub,
        url: hub.url(),
        credential: None,
        insecure: false,
        created_at: now,
        updated_at: now,
        version: Version(1),
    };
    ports.registries.create_registry(&endpoint).await.unwrap();
    let project = Project {
        id: ProjectId(100),
        name: "hub".parse().unwrap(),
        owner: UserId(1),
        registry: Some(RegistryId(100)),
        metadata: [(MetadataKey::Public, "true".to_owned())].into(),
        created_at: now,
        updated_at: now,
        version: Version(1),
    };
    ports.projects.create_project(&project).await.unwrap();
}

async fn misses(books: &mut Books) {
    let hub = Hub::start_with(HubSettings::docker_hub()).await;
    cache(books, &hub).await;
    books.log_out(&["repository:hub/library/app:pull"]).await;
    let image = image();
    hub.push_image("library/app", "1", &image);
    let tag = "GET /v2/hub/library/app/manifests/1";
    let blobs = "GET /v2/hub/library/app/blobs";
    // Project, upstream's token and address are known to an instance that
    // fetches more than one thing.
    books
        .ask("GET /v2/hub/library/app/manifests/none", Bytes::new())
        .await;
    books
        .request("miss_tag", "cache: GET by tag that is not held", tag, 200)
        .await;
    // The instance remembers the bytes from now on.
    books.ask(tag, Bytes::new()).await;
    books
        .request("fresh_tag", "cache: GET by tag, fresh", tag, 200)
        .await;
    books.clock.advance(Duration::from_secs(61));
    books
        .ask(&format!("{blobs}/{}", image.config.digest), Bytes::new())
        .await;
    books
        .request(
            "stale_tag",
            "cache: GET by tag that the upstream is asked about again",
            tag,
            200,
        )
        .await;
    // The lease is taken and names its session; a checkpoint for each 8 MiB, if
    // these have reached the store before the next have.
    let misses = [
        (
            "miss_1mb",
            "cache: GET of a blob of 1 MB that is not held",
            1,
            2,
        ),
        (
            "miss_20mb",
            "cache: GET of a blob of 20 MB that is not held",
            20,
            4,
        ),
    ];
    for (name, request, size, updates) in misses {
        let bytes = blob(100 + size, size * MB);
        let digest = hub.push_blob("library/app", bytes.clone());
        let line = format!("{blobs}/{digest}");
        let answer = books.request(name, request, &line, 200).await;
        assert_eq!(answer.body, bytes);
        books.at_most_updates(updates);
    }
}

/// What runs by itself, and what becomes of a manifest that is deleted.
async fn upkeep(books: &mut Books) {
    let scopes = ["repository:library/app:pull,push,delete"];
    books.drain().await;
    books.pass_a_day().await;
    idle(books).await;
    books.log_in(&scopes).await;
    let image = image_with_blobs(books, "library/app").await;
    push_manifest(books, "library/app", "3", &image).await;
    books.clock.advance(Duration::from_hours(25));
    books
        .enter(
            "sweep_pushed",
            "the sweep that looks at a push of 6 blobs and a manifest",
            Books::sweep,
        )
        .await;
    books
        .enter(
            "uploads_pushed",
            "the look for idle uploads a day after that push",
            Books::sweep_uploads,
        )
        .await;
    books.log_in(&scopes).await;
    books
        .request(
            "delete",
            "DELETE of a manifest with a tag",
            &format!("DELETE /v2/library/app/manifests/{}", image.digest()),
            202,
        )
        .await;
    books
        .enter("unlink", "its job, for 6 blobs", Books::job)
        .await;
    books.clock.advance(Duration::from_hours(3));
    books
        .enter(
            "sweep_deleted",
            "the sweep by which its 6 blobs go",
            Books::sweep,
        )
        .await;
}

/// What an instance does that nobody asks anything.
async fn idle(books: &mut Books) {
    books
        .enter("sweep_idle", "sweep, nothing due", Books::sweep)
        .await;
    books
        .enter(
            "uploads_idle",
            "look for idle uploads, none",
            Books::sweep_uploads,
        )
        .await;
    books
        .enter(
            "minute",
            "each minute: schedule, sweep by a job, unsent jobs, dead letters",
            Books::minute,
        )
        .await;
    books
        .enter(
            "ten_minutes",
            "each ten minutes: look for idle uploads by a job",
            Books::ten_minutes,
        )
        .await;
    books
        .enter("poll", "each second: look for a job", Books::poll)
        .await;
}
