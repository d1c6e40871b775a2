//! Several instances on one store: whatever one of them acknowledged, all of
//! them serve, while others are killed and started.
//!
//! Only where there is no data folder, which has one process. Six kills in
//! the suite, else `BERTH_KILLS`; `BERTH_SEED` repeats the choices of a run,
//! though not the moments. With `BERTH_FULL=1` there are large manifests, and
//! at the end everything is deleted, and must go to the last object: that waits
//! five minutes for what dead instances held.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_testkit::hub::{Hub, HubSettings};
use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::http::Client;
use crate::support::server::{Builder, Server, admin, assert_sound, create_store, gc};
use crate::support::workload::check::Check;
use crate::support::workload::model::{Fate, Model};
use crate::support::workload::number;
use crate::support::workload::random::Random;
use crate::support::{bucket, programs, store};
use fleet::Fleet;
use load::{Load, Plan};

mod fills;
mod fleet;
mod load;
mod register;
mod toxic;

/// What is pushed to.
const PROJECT: &str = "fleet";
const CLIENTS: usize = 64;
/// An instance is killed when so many more images were acknowledged, as far as
/// there is time.
const IMAGES: Range<u64> = 1..30;
const TIME: Duration = Duration::from_secs(3);
/// What nothing names is kept so long, in seconds, and a pusher may count on
/// half of it.
const GRACE: u64 = 20;
const PROMISE: Duration = Duration::from_secs(GRACE / 2);
/// The idle time of uploads, in seconds.
const IDLE: u64 = 60;
/// How long leftovers may take to vanish.
const PATIENCE: Duration = Duration::from_mins(7);

/// Whether instances can share a store here.
fn can_share() -> bool {
    if !store::is_aws() {
        programs::skip("several instances", "run `cargo xtask aws test`");
    }
    store::is_aws()
}

fn builder(idle: u64, grace: u64) -> Builder {
    Server::builder()
        .args(["--log", "warn"])
        .args(["--gc-grace-seconds", &grace.to_string()])
        .args(["--upload-idle-seconds", &idle.to_string()])
}

/// A token for a repository, from one instance.
async fn token(client: &Client) -> String {
    let path = "/service/token?service=harbor-registry&scope=repository:library/a:pull,push";
    let answer = client.get(path).send().await.expect(200).json();
    answer["token"].as_str().unwrap().to_owned()
}

/// The key that a token is signed with.
fn key(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// The values of a field in one of Harbor's lists.
async fn list(client: &Client, path: &str, field: &str) -> Vec<Value> {
    let answer = client.get(path).send().await.expect(200).json();
    let items = answer.as_array().unwrap();
    items.iter().map(|item| item[field].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_instances_start_at_once_on_an_empty_table() {
    if !can_share() {
        return;
    }
    let folder = TempDir::with_prefix("berth-").unwrap();
    let data = folder.path().join("data");
    create_store(&data);
    let fleet = Fleet::start(8, &Server::builder(), &data).await;
    let clients = fleet.clients();

    let tokens = join_all(clients.iter().map(token)).await;
    let keys: BTreeSet<_> = tokens.iter().map(|token| key(token)).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    for client in &clients {
        for token in &tokens {
            let client = client.authorized(&format!("Bearer {token}"));
            client.get("/v2/").send().await.expect(200);
            client.start_upload("library/a").await;
        }
        let forged = client.authorized(&format!("Bearer {}", tokens[0].to_lowercase()));
        forged.get("/v2/").send().await.expect(401);

        let projects = list(client, "/api/v2.0/projects?sort=name", "name").await;
        assert_eq!(projects, ["dockerhub", "library"]);
        let registries = list(client, "/api/v2.0/registries", "name").await;
        assert_eq!(registries, ["Docker Hub"]);
        assert_eq!(list(client, "/api/v2.0/users", "username").await, ["admin"]);
    }
    assert_sound(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_four_instances_acknowledged_the_others_serve() {
    if !can_share() {
        return;
    }
    let full = std::env::var("BERTH_FULL").is_ok_and(|value| value == "1");
    let kills = number("BERTH_KILLS").unwrap_or(6);
    let mut random = Random::of_run("instances");
    let folder = TempDir::with_prefix("berth-").unwrap();
    let data = folder.path().join("data");
    create_store(&data);
    let fleet = Fleet::start(4, &builder(IDLE, GRACE), &data).await;
    fleet.clients()[0].create_project(PROJECT, true).await;
    let plan = Plan {
        clients: CLIENTS,
        large: full,
        breaks: false,
    };
    let load = Load::new(fleet, plan, &mut random);

    let start = Instant::now();
    let mut clients = random.fork();
    tokio::join!(
        load.run(&mut clients),
        disturb(&load, kills, &data, &mut random)
    );
    let seconds = start.elapsed().as_secs();
    println!(
        "instances: {CLIENTS} clients for {seconds} s, {:?}",
        load.totals()
    );
    assert_no_faults(&load.model());
    let there = look(&load, &mut random).await;
    assert_sound(&data);

    load.fleet.restart(&builder(1, 0), &data).await;
    if full {
        delete_all(&load.fleet.clients(), &there).await;
    }
    let objects = leftovers_vanish(&data, full).await;
    let (images, seconds) = (there.images.len(), start.elapsed().as_secs());
    println!("instances: {images} images, {objects} objects, {seconds} s in all");
}

/// Kills instances, and starts each again, while sweeps go on beside them.
async fn disturb(load: &Load, kills: u64, data: &Path, random: &mut Random) {
    for _ in 0..kills {
        if load.ends() {
            return;
        }
        let images = random.within(IMAGES);
        let _ = tokio::time::timeout(TIME, load.has_acknowledged_more(images)).await;
        let sweep = gc(data, GRACE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut sweep = sweep.unwrap();
        let _ = tokio::time::timeout(TIME, load.has_acknowledged_more(1)).await;
        let instance = random.pick(load.fleet.instances());
        instance.kill();
        load.totals().kills += 1;
        if random.percent(50) {
            sweep.kill().unwrap();
        }
        instance.start(&builder(IDLE, GRACE), data).await;
        tokio::task::block_in_place(|| sweep.wait()).unwrap();
    }
    load.end();
}

/// Holds every instance against what the clients know; answers what is there.
async fn look(load: &Load, random: &mut Random) -> Model {
    let model = remembered(load);
    println!("instances: {:?}", model.totals);
    let hub = Hub::start_with(HubSettings::open()).await;
    let mut seen = model.clone();
    for client in load.fleet.clients() {
        seen = model.clone();
        let check = Check {
            client: &client,
            hub: &hub,
            promise: PROMISE,
        };
        check.run(&mut seen, random).await;
        assert_no_faults(&seen);
        assert_tags(&client, &seen, load).await;
    }
    seen
}

/// The images of all clients, those under tags that many moved among them.
fn remembered(load: &Load) -> Model {
    let mut model = load.model().clone();
    for register in &load.registers {
        for (image, fate) in register.images() {
            let number = model.fresh();
            model.begin(number, image, None);
            if let Some(known) = model.images.get_mut(&number) {
                (known.fate, known.tagged) = (fate, false);
            }
        }
    }
    model
}

/// The tags are those of the images that are there and those that many moved,
/// and each of these names an image that it may name. A deletion that was cut
/// short may have left a tag that leads nowhere, until it is ended.
async fn assert_tags(client: &Client, seen: &Model, load: &Load) {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut expect = |repository: &String, tag: &String| {
        let tags = expected.entry(repository.clone()).or_default();
        tags.insert(tag.clone());
    };
    for known in seen.images.values().filter(|known| known.tagged) {
        expect(&known.image.repository, &known.image.tag);
    }
    for register in &load.registers {
        let (path, asked) = (register.path(), Instant::now());
        let answer = client.get(&path).send().await;
        assert!(register.admits(&answer, asked), "{answer:?}");
        if answer.status == 200 {
            expect(&register.repository, &register.tag);
        }
    }
    let unsure = unsure_tags(load);
    for (repository, expected) in expected {
        let found = tags(client, &repository).await;
        assert_eq!(&found - &unsure, &expected - &unsure, "{repository}");
    }
}

fn unsure_tags(load: &Load) -> BTreeSet<String> {
    let model = load.model();
    let unsure = model.images.values();
    let unsure = unsure.filter(|known| known.fate == Fate::Unsure);
    unsure.map(|known| known.image.tag.clone()).collect()
}

async fn tags(client: &Client, repository: &str) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    let mut next = Some(format!("/v2/{repository}/tags/list"));
    while let Some(path) = next {
        let page = client.get(&path).send().await.expect(200);
        let names = page.json()["tags"].as_array().unwrap().clone();
        tags.extend(names.iter().map(|name| name.as_str().unwrap().to_owned()));
        next = page.next();
    }
    tags
}

/// Deletes all images that are there, each by another instance.
async fn delete_all(clients: &[Client], model: &Model) {
    let kept = model
        .images
        .values()
        .filter(|known| known.fate == Fate::Kept);
    for (known, client) in kept.zip(clients.iter().cycle()) {
        let path = known.image.manifest_path(&known.image.digest.to_string());
        client.delete(&path).send().await.expect(202);
    }
}

/// Waits until the bucket holds what the metadata knows and nothing else;
/// answers how many objects.
async fn leftovers_vanish(data: &Path, nothing: bool) -> usize {
    let start = Instant::now();
    loop {
        let swept = gc(data, 0).output().unwrap();
        assert!(swept.status.success(), "{swept:?}");
        let (blobs, objects) = (known_blobs(data), bucket::objects(data).await);
        if objects.len() == blobs && (blobs == 0 || !nothing) {
            return blobs;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{} objects of {blobs} blobs: {objects:?}",
            objects.len()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// How many blobs there are, as fsck says, which finds nothing wrong.
fn known_blobs(data: &Path) -> usize {
    let said = admin(data, &["fsck"]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "fsck: {text}");
    let blobs = text.split(" blobs").next().unwrap();
    let blobs = blobs.rsplit(' ').next().unwrap().parse();
    blobs.unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn assert_no_faults(model: &Model) {
    assert!(model.faults.is_empty(), "{}", model.faults.join("\n"));
}
