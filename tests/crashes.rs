//! Nothing that was acknowledged is lost by a crash: `kill -9` at random moments
//! while 200 clients push, delete and pull through a proxy project.
//!
//! Five kills in the suite, else `BERTH_KILLS`; `BERTH_SEED` repeats the choices
//! of a run, though not the moments.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use berth_host::SystemClock;
use berth_ports::UploadStore as _;
use berth_store_local::{DataFolder, SqliteStore};
use berth_testkit::hub::{Hub, HubSettings};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::files;
use crate::support::http::Client;
use crate::support::server::{Builder, Server, assert_sound, gc};
use crate::support::workload::check::Check;
use crate::support::workload::image::Blob;
use crate::support::workload::model::{Known, Model};
use crate::support::workload::number;
use crate::support::workload::random::Random;
use load::Load;

mod load;

/// What is pushed to.
const PROJECT: &str = "crash";
/// The proxy project.
const CACHE: &str = "cache";
/// When a server is killed, in milliseconds since the load began.
const MOMENTS: Range<u64> = 20..600;
/// In half of the cycles it lives on until so many images were acknowledged, as
/// far as there is time.
const IMAGES: Range<u64> = 1..40;
const TIME: Duration = Duration::from_secs(3);

/// How long after its server's death a client may still be at its request.
const IN_VAIN: Duration = Duration::from_secs(30);
/// How long leftovers may take to vanish.
const PATIENCE: Duration = Duration::from_mins(3);
/// When one is killed that starts.
const STARTING: Range<u64> = 1..150;
/// Layers that live through the whole run, and those of one cycle.
const SHARED: usize = 4;
/// What nothing names is kept so long, in seconds, and a pusher may count on
/// half of it.
const GRACE: u64 = 10;
const PROMISE: Duration = Duration::from_secs(GRACE / 2);
/// The idle time of uploads, in seconds.
const IDLE: u64 = 60;

struct Run {
    folder: TempDir,
    hub: Arc<Hub>,
    model: Arc<Mutex<Model>>,
    random: Random,
    /// Layers that live through the whole run.
    shared: Vec<Blob>,
}

impl Run {
    async fn start() -> Self {
        let mut random = Random::of_run("crashes");
        Self {
            folder: TempDir::with_prefix("berth-").unwrap(),
            hub: Arc::new(Hub::start_with(HubSettings::open()).await),
            model: Arc::default(),
            shared: (0..SHARED).map(|_| Blob::random(&mut random)).collect(),
            random,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn builder(idle: u64, grace: u64) -> Builder {
        Server::builder()
            .args(["--log", "warn"])
            .args(["--tag-freshness-seconds", "86400"])
            .args(["--gc-grace-seconds", &grace.to_string()])
            .args(["--upload-idle-seconds", &idle.to_string()])
    }

    /// Load until the kill.
    async fn crash(&mut self, server: Server) {
        let mut shared = self.shared.clone();
        shared.extend((0..SHARED).map(|_| Blob::random(&mut self.random)));
        let load = Load::new(server.admin(), &self.model, &self.hub, shared);
        let moment = Duration::from_millis(self.random.within(MOMENTS));
        let mut clients = self.random.fork();
        let images = if self.random.percent(50) {
            self.random.within(IMAGES)
        } else {
            0
        };
        let mut sweep = self.sweep();
        let dead = Notify::new();
        let kill = async {
            tokio::time::sleep(moment).await;
            let _ = tokio::time::timeout(TIME, load.has_acknowledged(images)).await;
            load.is_about_to_end();
            server.kill();
            dead.notify_one();
        };
        let all = async { tokio::join!(load.run(&mut clients), kill) };
        tokio::select! {
            _ = all => {}
            () = waiting_in_vain(&dead) => println!("crashes: a client waited for a dead server"),
        }
        if let Some(sweep) = &mut sweep {
            if self.random.percent(50) {
                sweep.kill().unwrap();
            }
            sweep.wait().unwrap();
        }
    }

    /// In half of the cycles, a sweep beside the server; the server has its own.
    fn sweep(&mut self) -> Option<Child> {
        if self.random.percent(50) {
            return None;
        }
        self.lock().totals.sweeps += 1;
        let mut command = gc(&self.data(), GRACE);
        let sweep = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(sweep.unwrap())
    }

    /// Deletes every image.
    async fn delete_all(&mut self, client: &Client) {
        let all = std::mem::take(&mut self.lock().images);
        self.lock().totals.deletions += u64::try_from(all.len()).unwrap();
        for Known { image, .. } in all.into_values() {
            let path = image.manifest_path(&image.digest.to_string());
            client.delete(&path).send().await.expect(202);
        }
    }

    /// Starts the server again; one in ten times it dies while it starts.
    async fn restart(&mut self) -> Server {
        while self.random.percent(10) {
            let server = Self::builder(IDLE, GRACE).spawn(&self.data());
            let moment = Duration::from_millis(self.random.within(STARTING));
            tokio::time::sleep(moment).await;
            server.kill();
        }
        Self::builder(IDLE, GRACE).start_on(&self.data()).await
    }

    async fn check(&mut self, client: &Client) {
        let mut model = std::mem::take(&mut *self.lock());
        let check = Check {
            client,
            hub: &self.hub,
            promise: PROMISE,
        };
        check.run(&mut model, &mut self.random).await;
        let faults = std::mem::take(&mut model.faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        *self.lock() = model;
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, start: Instant) {
        let model = self.lock();
        println!(
            "crashes: {} kills in {} s, {:?}",
            model.cycle,
            start.elapsed().as_secs(),
            model.totals
        );
    }
}

/// Ends a while after the server's death. Nobody can answer a client that still
/// waits then: it is the client that missed the end of its connection.
async fn waiting_in_vain(dead: &Notify) {
    dead.notified().await;
    tokio::time::sleep(IN_VAIN).await;
}

/// How many upload sessions there are.
async fn sessions(data: &Path) -> usize {
    let folder = DataFolder::existing(data).unwrap();
    let store = SqliteStore::open_beside(&folder, Arc::new(SystemClock)).unwrap();
    let sessions = store.idle_uploads(Timestamp::MAX, 1000).await.unwrap();
    sessions.items.len()
}

/// Waits until sessions, and files that nothing names, are gone.
async fn leftovers_vanish(data: &Path) {
    let start = Instant::now();
    loop {
        let left = (
            sessions(data).await,
            files::count(&data.join("uploads")),
            files::count(&data.join("blobs")),
        );
        if left == (0, 0, 0) {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "sessions and files left: {left:?}"
        );
        let swept = gc(data, 0).output().unwrap();
        assert!(swept.status.success(), "{swept:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kills() {
    let kills = number("BERTH_KILLS").unwrap_or(5);
    let (start, mut run) = (Instant::now(), Run::start().await);
    let mut server = Run::builder(IDLE, GRACE).start_on(&run.data()).await;
    let client = server.admin();
    client.create_project(PROJECT, true).await;
    let registry = client.create_registry("up", &run.hub.url(), None).await;
    client.create_proxy_project(CACHE, registry, true).await;
    for cycle in 1..=kills {
        run.lock().cycle = cycle;
        run.crash(server).await;
        server = run.restart().await;
        run.check(&server.admin()).await;
        assert_sound(&run.data());
        if cycle % 50 == 0 {
            run.report(start);
        }
    }
    server.kill();
    let server = Run::builder(1, 0).start_on(&run.data()).await;
    let client = server.admin();
    run.lock().cycle += 1;
    run.check(&client).await;
    run.delete_all(&client).await;
    leftovers_vanish(&run.data()).await;
    assert_sound(&run.data());
    run.report(start);
}
