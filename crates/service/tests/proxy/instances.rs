//! Several instances over the same stores, in one process: what one fetches
//! the others follow, and go on with.

use std::collections::HashMap;
use std::sync::OnceLock;

use berth_domain::{ObjectKey, WriteState};
use berth_oci::{Reference, RepositoryName};
use berth_ports::{
    BlobStore, BlobWriter, ByteStream, FetchedBlob, Finished, Follow, Growing, Instances,
    NoStaging, Task, Tasks, UpstreamResult,
};
use berth_testkit::hub::{Fault, Gate, On, RequestKind};
use berth_testkit::image::{Image, seeded_bytes};
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::*;

/// More than a fill records at once.
const SIZE: u64 = 40_000_000;

fn bytes() -> Bytes {
    static BYTES: OnceLock<Bytes> = OnceLock::new();
    BYTES.get_or_init(|| seeded_bytes(3, 0..SIZE)).clone()
}

/// A store that shows no unfinished object, as S3 does.
#[derive(Debug)]
struct Hidden(MemoryBlobs);

#[async_trait]
impl BlobStore for Hidden {
    async fn write(&self, key: ObjectKey, state: WriteState) -> StoreResult<Box<dyn BlobWriter>> {
        Ok(Box::new(HiddenWriter(self.0.write(key, state).await?)))
    }

    async fn put(&self, key: ObjectKey, bytes: Bytes) -> StoreResult<()> {
        self.0.put(key, bytes).await
    }

    async fn read(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<Access> {
        self.0.read(key, size, span).await
    }

    async fn stream(&self, key: ObjectKey, size: u64, span: Span) -> StoreResult<ByteStream> {
        self.0.stream(key, size, span).await
    }

    async fn size(&self, key: ObjectKey) -> StoreResult<Option<u64>> {
        self.0.size(key).await
    }

    async fn delete(&self, keys: &[ObjectKey]) -> StoreResult<()> {
        self.0.delete(keys).await
    }
}

#[derive(Debug)]
struct HiddenWriter(Box<dyn BlobWriter>);

#[async_trait]
impl BlobWriter for HiddenWriter {
    fn offset(&self) -> u64 {
        self.0.offset()
    }

    async fn append(&mut self, bytes: Bytes) -> StoreResult<()> {
        self.0.append(bytes).await
    }

    async fn digest(&mut self) -> StoreResult<Digest> {
        self.0.digest().await
    }

    async fn checkpoint(&mut self) -> StoreResult<WriteState> {
        self.0.checkpoint().await
    }

    async fn pause(self: Box<Self>) -> StoreResult<WriteState> {
        self.0.pause().await
    }

    async fn finish(self: Box<Self>, expected: Digest) -> StoreResult<Finished> {
        self.0.finish(expected).await
    }

    fn follow(&mut self) -> Option<Arc<dyn Growing>> {
        None
    }
}

/// Tasks that end with their instance.
#[derive(Debug, Default)]
struct MortalTasks(Mutex<Vec<AbortHandle>>);

impl Tasks for MortalTasks {
    fn spawn(&self, task: Task) {
        let handle = tokio::spawn(task).abort_handle();
        self.0.lock().unwrap().push(handle);
    }
}

type Living = Arc<watch::Sender<HashMap<String, Arc<Service>>>>;

/// Reaches the others by a call.
#[derive(Debug)]
struct Linked {
    address: Option<String>,
    living: Living,
}

#[async_trait]
impl Instances for Linked {
    fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    async fn follow(&self, address: &str, wanted: &Follow) -> UpstreamResult<FetchedBlob> {
        let unreachable = || UpstreamError::Unreachable(address.to_owned());
        let other = self.living.borrow().get(address).cloned();
        let other = other.ok_or_else(unreachable)?;
        let token = wanted.token.reveal();
        let (repository, digest) = (&wanted.repository, wanted.digest);
        let fill = other.fill_for_instance(token, repository, digest).await;
        let fill = fill.map_err(|error| UpstreamError::Status {
            status: 404,
            message: error.to_string(),
            retry_after: None,
        })?;
        let span = Span {
            start: wanted.offset,
            end: fill.size,
        };
        let Ok(Access::Stream(stream)) = fill.open(span, &|_| true).await else {
            return Err(unreachable());
        };
        let end = (address.to_owned(), self.living.subscribe());
        Ok(FetchedBlob {
            start: span.start,
            size: Some(fill.size),
            stream: Box::pin(stream::unfold((stream, end), next)),
        })
    }
}

type Connection = (
    ByteStream,
    (String, watch::Receiver<HashMap<String, Arc<Service>>>),
);

/// What comes next over a connection, which breaks when the other end is gone.
async fn next((mut stream, mut end): Connection) -> Option<(UpstreamResult<Bytes>, Connection)> {
    let (address, living) = &mut end;
    let is_gone = |living: &HashMap<_, _>| !living.contains_key(address);
    let chunk = tokio::select! {
        chunk = stream.next() => chunk?.map_err(|error| error.to_string()),
        _ = living.wait_for(is_gone) => Err("it is gone".to_owned()),
    };
    Some((chunk.map_err(UpstreamError::Unreachable), (stream, end)))
}

/// One hub, one set of stores, and several instances of the cache over them.
struct Fleet {
    hub: Hub,
    clock: Arc<TestClock>,
    instances: Vec<(Arc<Service>, Arc<MortalTasks>)>,
    living: Living,
}

impl Fleet {
    /// Instances that reach each other if they are `linked`.
    async fn of(count: usize, linked: bool) -> Self {
        let clock = TestClock::starting_now();
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let blobs = Arc::new(Hidden(MemoryBlobs::default()));
        let secrets = Arc::new(HostSecrets::new(&SealingKey::from_bytes([7; 32])).unwrap());
        let living = Living::new(watch::Sender::new(HashMap::new()));
        let mut instances = Vec::new();
        for number in 0..count {
            let address = format!("http://{number}");
            let tasks = Arc::new(MortalTasks::default());
            let others = OtherPorts {
                staging: Arc::new(NoStaging),
                blobs: blobs.clone(),
                queue: store.clone(),
                upstream: Arc::new(HttpUpstream::new().unwrap()),
                instances: Arc::new(Linked {
                    address: linked.then(|| address.clone()),
                    living: living.clone(),
                }),
                spools: Arc::new(MemorySpools),
                secrets: secrets.clone(),
                clock: clock.clone(),
                ids: Arc::new(RandomIds),
                tasks: tasks.clone(),
            };
            let ports = Ports::over(store.clone(), others);
            let service = Arc::new(Service::new(ports, ServiceSettings::default()));
            living.send_modify(|living| {
                living.insert(address, service.clone());
            });
            instances.push((service, tasks));
        }
        let cache = Cache {
            hub: Hub::start_with(HubSettings::open()).await,
            service: instances[0].0.clone(),
            clock: clock.clone(),
        };
        let url = cache.hub.url();
        cache.endpoint(1, EndpointKind::DockerHub, &url).await;
        cache.project(1, "hub", Some(1), true).await;
        Self {
            hub: cache.hub,
            clock,
            instances,
            living,
        }
    }

    fn blob_at_hub(&self) -> Digest {
        self.hub.push_seeded_blob("a/b", 3, SIZE)
    }

    async fn open(&self, instance: usize, digest: Digest) -> Result<BlobHandle> {
        let service = &self.instances[instance].0;
        let repository: RepositoryName = "hub/a/b".parse().unwrap();
        let target = service.locate(&repository).await?;
        service.blob(&target, digest).await
    }

    async fn read(&self, instance: usize, digest: Digest) -> Result<Bytes> {
        let blob = self.open(instance, digest).await?;
        Ok(read(&blob, 0..blob.size).await?)
    }

    /// As `kill -9`: nothing of it goes on, and nobody reaches it.
    fn kill(&self, instance: usize) {
        self.isolate(instance);
        for task in &*self.instances[instance].1.0.lock().unwrap() {
            task.abort();
        }
    }

    /// Nobody reaches it any more, but it lives, and reaches others.
    fn isolate(&self, instance: usize) {
        self.living.send_modify(|living| {
            living.remove(&format!("http://{instance}"));
        });
    }

    /// How many requests for blobs the upstream has had.
    fn gets(&self) -> usize {
        self.hub.count(RequestKind::BlobGet)
    }

    /// Has the upstream stop after this many chunks of the first body.
    fn stop_after(&self, chunks: usize) -> Gate {
        let gate = Gate::closed();
        gate.let_through(chunks);
        let first = On::every(RequestKind::BlobGet).times(1);
        self.hub.fault(first, Fault::Slow(gate.clone()));
        gate
    }
}

/// Reads until `length` bytes are there.
async fn read_some(blob: &BlobHandle, length: usize) -> ByteStream {
    let whole = Span {
        start: 0,
        end: blob.size,
    };
    let Ok(Access::Stream(mut stream)) = blob.open(whole, &|_| true).await else {
        panic!("no stream");
    };
    let mut read = 0;
    while read < length {
        let chunk = stream.next().await.unwrap().unwrap();
        assert_eq!(chunk, bytes()[read..read + chunk.len()]);
        read += chunk.len();
    }
    stream
}

#[tokio::test]
async fn instances_fetch_a_blob_once_for_all_their_clients() {
    let fleet = Fleet::of(3, true).await;
    let digest = fleet.blob_at_hub();
    let reads = join_all((0..12).map(|client| fleet.read(client % 3, digest))).await;
    for read in reads {
        assert_eq!(read.unwrap(), bytes());
    }
    assert_eq!(fleet.gets(), 1);
    assert_eq!(fleet.hub.bytes_sent(&digest), SIZE);
}

#[tokio::test]
async fn a_client_of_another_instance_reads_while_the_blob_comes_in() {
    let fleet = Fleet::of(2, true).await;
    let digest = fleet.blob_at_hub();
    let gate = fleet.stop_after(4);
    let first = fleet.open(0, digest).await.unwrap();
    let other = fleet.open(1, digest).await.unwrap();
    assert_eq!((first.size, other.size), (SIZE, SIZE));
    drop(read_some(&other, 1).await);
    gate.open();
    assert_eq!(read(&other, 0..SIZE).await.unwrap(), bytes());
    assert_eq!(fleet.gets(), 1);
}

#[tokio::test]
async fn instances_that_cannot_reach_each_other_wait_for_the_store() {
    let fleet = Fleet::of(3, false).await;
    let digest = fleet.blob_at_hub();
    let reads = join_all((0..6).map(|client| fleet.read(client % 3, digest))).await;
    for read in reads {
        assert_eq!(read.unwrap(), bytes());
    }
    assert_eq!(fleet.gets(), 1);
    assert_eq!(fleet.hub.bytes_sent(&digest), SIZE);
}

#[tokio::test]
async fn instances_fetch_a_manifest_once() {
    let fleet = Fleet::of(3, true).await;
    let image = Image::builder().build();
    fleet.hub.push_image("a/b", "latest", &image);
    let repository: RepositoryName = "hub/a/b".parse().unwrap();
    let reference: Reference = "latest".parse().unwrap();
    let pulls = fleet.instances.iter().map(|(service, _)| async {
        let target = service.locate(&repository).await.unwrap();
        service.manifest(&target, &reference, false).await
    });
    for pulled in join_all(pulls).await {
        assert_eq!(pulled.unwrap().digest, image.digest());
    }
    assert_eq!(fleet.hub.count(RequestKind::ManifestGet), 1);
}

#[tokio::test]
async fn another_instance_goes_on_where_one_died() {
    let fleet = Fleet::of(3, true).await;
    let digest = fleet.blob_at_hub();
    // About three quarters.
    let gate = fleet.stop_after(480);
    let dying = fleet.open(0, digest).await.unwrap();
    drop(read_some(&dying, 25_000_000).await);
    let (second, third) = (
        fleet.open(1, digest).await.unwrap(),
        fleet.open(2, digest).await.unwrap(),
    );
    drop(read_some(&second, 25_000_000).await);
    fleet.kill(0);
    assert_eq!(read(&second, 0..SIZE).await.unwrap(), bytes());
    assert_eq!(read(&third, 0..SIZE).await.unwrap(), bytes());
    gate.open();
    // What was recorded was not fetched again.
    let gets = fleet.hub.requests_of(RequestKind::BlobGet);
    assert_eq!(gets.len(), 2);
    let range = gets[1].header("range").unwrap();
    let from: u64 = range["bytes=".len()..range.len() - 1].parse().unwrap();
    assert!(from >= 16 * 1024 * 1024, "{from}");
    // It is one object, which both have.
    assert_eq!(fleet.read(1, digest).await.unwrap(), bytes());
    assert_eq!(fleet.gets(), 2);
}

#[tokio::test]
async fn what_died_before_it_was_recorded_begins_anew_and_leaves_nothing() {
    let fleet = Fleet::of(2, true).await;
    let digest = fleet.blob_at_hub();
    let gate = fleet.stop_after(16);
    let dying = fleet.open(0, digest).await.unwrap();
    let other = fleet.open(1, digest).await.unwrap();
    drop(read_some(&dying, 500_000).await);
    drop(read_some(&other, 500_000).await);
    let uploads = &fleet.instances[1].0.ports().uploads;
    let far = Timestamp::MAX;
    let left = uploads.idle_uploads(far, 10).await.unwrap().items;
    fleet.kill(0);
    assert_eq!(read(&other, 0..SIZE).await.unwrap(), bytes());
    gate.open();
    // The first session went with its object, before the other's began.
    assert!(uploads.upload(left[0].id).await.unwrap().is_none());
    let link = fleet.instances[1].0.ports().links.blob(digest).await;
    assert_ne!(link.unwrap().unwrap().key, left[0].key);
}

#[tokio::test]
async fn a_lease_that_expires_is_taken_over_by_an_instance_that_could_only_wait() {
    let fleet = Fleet::of(2, false).await;
    let digest = fleet.blob_at_hub();
    let gate = fleet.stop_after(480);
    let dying = fleet.open(0, digest).await.unwrap();
    drop(read_some(&dying, 25_000_000).await);
    let waiting = fleet.read(1, digest);
    let death = async {
        fleet.kill(0);
        fleet.clock.advance(Duration::from_secs(16));
    };
    let (read, ()) = tokio::join!(waiting, death);
    assert_eq!(read.unwrap(), bytes());
    gate.open();
    let gets = fleet.hub.requests_of(RequestKind::BlobGet);
    assert_eq!(gets.len(), 2);
    assert!(gets[1].header("range").is_some());
}

#[tokio::test]
async fn an_instance_whose_fetch_was_taken_over_still_serves_its_clients() {
    let fleet = Fleet::of(2, true).await;
    let digest = fleet.blob_at_hub();
    let gate = fleet.stop_after(480);
    let stuck = fleet.open(0, digest).await.unwrap();
    let other = fleet.open(1, digest).await.unwrap();
    drop(read_some(&other, 1_000_000).await);
    fleet.isolate(0);
    assert_eq!(read(&other, 0..SIZE).await.unwrap(), bytes());
    assert_eq!(read(&stuck, 0..SIZE).await.unwrap(), bytes());
    gate.open();
    assert_eq!(fleet.gets(), 2);
}

#[tokio::test]
async fn wrong_bytes_are_never_served_complete_by_another_instance() {
    let fleet = Fleet::of(2, true).await;
    let digest = fleet.blob_at_hub();
    let first = On::every(RequestKind::BlobGet).times(1);
    fleet.hub.fault(first, Fault::WrongBytes);
    let gate = fleet.stop_after(4);
    let own = fleet.open(0, digest).await.unwrap();
    let other = fleet.open(1, digest).await.unwrap();
    gate.open();
    let (own, other) = tokio::join!(read(&own, 0..SIZE), read(&other, 0..SIZE));
    assert!(own.is_err());
    assert!(other.is_err());
    assert_eq!(fleet.read(1, digest).await.unwrap(), bytes());
    assert_eq!(fleet.read(0, digest).await.unwrap(), bytes());
}

#[tokio::test]
async fn a_token_for_one_blob_is_none_for_another_and_none_for_clients() {
    let fleet = Fleet::of(1, true).await;
    let digest = fleet.blob_at_hub();
    let service = &fleet.instances[0].0;
    let repository: RepositoryName = "hub/a/b".parse().unwrap();
    let issued = service
        .issue_token(
            &berth_domain::Principal::Anonymous,
            berth_service::TOKEN_SERVICE,
            &[],
        )
        .await
        .unwrap();
    for token in ["", "x.y.z", issued.token.reveal()] {
        let refused = service.fill_for_instance(token, &repository, digest).await;
        assert!(matches!(refused, Err(Error::Unauthorized)), "{token}");
    }
}
