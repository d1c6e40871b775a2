//! Slow, broken and silent connections between instances and their store:
//! requests succeed or are refused cleanly, and what was acknowledged is there.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use berth_oci::Digest;
use berth_testkit::image::{Image, random_bytes, seeded_bytes};
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::time::timeout;

use super::fleet::Fleet;
use super::load::{Load, Plan};
use super::{GRACE, IDLE, PROJECT, assert_no_faults, builder, can_share, leftovers_vanish, look};
use crate::support::http::{Answer, Client, with_query};
use crate::support::server::{Server, assert_sound, create_store, free_address};
use crate::support::workload::random::Random;
use toxiproxy::{Service, Toxic, Toxiproxy, Way};

mod toxiproxy;

/// What is pushed to where the clients are not those of the load.
const REPOSITORY: &str = "library/toxic";
/// More than one part of an upload to S3.
const LARGE: u64 = 20_000_000;
/// Clients beside each other while connections break.
const CLIENTS: usize = 12;
/// Connections break until so many more images were acknowledged, as far as
/// there is time.
const IMAGES: u64 = 4;
const BROKEN: Duration = Duration::from_millis(750);
/// How long an answer may take while a service is silent.
const DEADLINE: Duration = Duration::from_secs(45);
/// What is asked meanwhile.
const REQUESTS: usize = 9;

/// A store, and Toxiproxy before it.
struct Lab {
    toxiproxy: Toxiproxy,
    folder: TempDir,
}

impl Lab {
    /// `None` where one of them cannot be.
    async fn start() -> Option<Self> {
        if !can_share() {
            return None;
        }
        let lab = Self {
            toxiproxy: Toxiproxy::start().await?,
            folder: TempDir::with_prefix("berth-").unwrap(),
        };
        create_store(&lab.data());
        Some(lab)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// An instance that reaches the store through Toxiproxy.
    async fn instance(&self) -> Server {
        let builder = builder(IDLE, GRACE).args(self.toxiproxy.arguments());
        builder.start_at(free_address(), &self.data()).await
    }

    /// Asserts that an instance with no proxy has these images, that fsck finds
    /// nothing, and that sweeps leave nothing else.
    async fn assert_kept(&self, images: &[Image]) {
        let direct = builder(1, 0).start_at(free_address(), &self.data()).await;
        for image in images {
            assert_pulls(&direct.admin(), image).await;
        }
        assert_sound(&self.data());
        leftovers_vanish(&self.data(), false).await;
    }
}

fn manifest_path(image: &Image) -> String {
    format!("/v2/{REPOSITORY}/manifests/{}", image.digest())
}

fn blob_path(digest: &Digest) -> String {
    format!("/v2/{REPOSITORY}/blobs/{digest}")
}

async fn push(client: &Client, image: &Image) {
    let tag = &image.digest().hex()[..8];
    client.push_image(REPOSITORY, tag, image).await;
}

async fn assert_pulls(client: &Client, image: &Image) {
    let manifest = client.get(&manifest_path(image)).send().await.expect(200);
    assert_eq!(manifest.body, image.manifest.bytes);
    for blob in image.blobs() {
        let path = blob_path(&blob.digest);
        let answer = client.get(&path).send().await.expect(200);
        assert!(answer.body == blob.bytes, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_slows_pushes_and_pulls_and_fails_none() {
    const LATENCY: Duration = Duration::from_millis(300);
    let Some(lab) = Lab::start().await else {
        return;
    };
    let server = lab.instance().await;
    let client = server.admin();
    let mut kept = Vec::new();
    for service in Service::ALL {
        let latency = Toxic::Latency(300);
        lab.toxiproxy.add(service, latency, Way::Down, 100).await;
        let (image, deleted) = (Image::random(100_000), Image::random(1_000));
        let start = Instant::now();
        tokio::join!(push(&client, &image), push(&client, &deleted));
        assert_pulls(&client, &image).await;
        let path = manifest_path(&deleted);
        client.delete(&path).send().await.expect(202);
        client.get(&path).send().await.expect(404);
        let took = start.elapsed();
        println!("toxic: {service:?} 300 ms slower: {took:?}");
        assert!(service == Service::Sqs || took > LATENCY, "{took:?}");
        lab.toxiproxy.mend().await;
        kept.push(image);
    }
    drop(server);
    lab.assert_kept(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_and_pulls_end_well_on_a_thin_line_to_s3() {
    const KILOBYTES_A_SECOND: u64 = 200;
    const SIZE: usize = 2_000_000;
    let Some(lab) = Lab::start().await else {
        return;
    };
    let server = lab.instance().await;
    let client = server.admin();
    for way in [Way::Up, Way::Down] {
        let thin = Toxic::Bandwidth(KILOBYTES_A_SECOND);
        lab.toxiproxy.add(Service::S3, thin, way, 100).await;
    }
    let image = Image::random(SIZE);
    let start = Instant::now();
    push(&client, &image).await;
    assert_pulls(&client, &image).await;
    let took = start.elapsed();
    println!("toxic: {SIZE} bytes there and back at {KILOBYTES_A_SECOND} KB/s: {took:?}");
    assert!(took > Duration::from_secs(15), "{took:?}");
    lab.toxiproxy.mend().await;
    drop(server);
    lab.assert_kept(&[image]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_whose_parts_cannot_be_sent_go_on_where_they_stopped() {
    let Some(lab) = Lab::start().await else {
        return;
    };
    let server = lab.instance().await;
    let client = server.admin();
    let bytes = seeded_bytes(7, 0..LARGE);
    let digest = Digest::sha256(&bytes);
    // No connection lives long enough for a part.
    let limit = Toxic::LimitData(3_000_000);
    lab.toxiproxy.add(Service::S3, limit, Way::Up, 100).await;
    let location = client.start_upload(REPOSITORY).await;
    let patch = client.patch(&location).body(bytes.clone());
    assert_refused(&patch.try_send().await.unwrap());
    lab.toxiproxy.mend().await;

    let status = client.get(&location).send().await.expect(204);
    // Of none it says the same as of one.
    let held = match status.header("range") {
        "0-0" => 0,
        range => range[2..].parse::<usize>().unwrap() + 1,
    };
    println!("toxic: {held} of {LARGE} bytes were held");
    let put = with_query(&status.location(), &format!("digest={digest}"));
    let put = client.put(&put).body(bytes.slice(held..));
    put.send().await.expect(201);

    // All is there, though no connection lives long enough to read it.
    lab.toxiproxy.add(Service::S3, limit, Way::Down, 100).await;
    let answer = client.get(&blob_path(&digest)).send().await.expect(200);
    assert!(answer.body == bytes);
    lab.toxiproxy.mend().await;

    // What cannot be gone on with breaks off, and is no shorter blob.
    lab.toxiproxy.add(Service::S3, limit, Way::Down, 100).await;
    let path = blob_path(&digest);
    let cut = async || lab.toxiproxy.cut(Service::S3).await;
    let (came, end) = client.get(&path).interrupted(cut).await;
    assert!(end.is_err(), "{} bytes came", came.len());
    assert!(bytes.starts_with(&came));
    assert_refused(&client.get(&path).send().await);
    lab.toxiproxy.mend().await;
    drop(server);
    lab.assert_kept(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_nothing_that_was_acknowledged() {
    let Some(lab) = Lab::start().await else {
        return;
    };
    let mut random = Random::of_run("toxic");
    let start = Instant::now();
    let data = lab.data();
    let through = builder(IDLE, GRACE).args(lab.toxiproxy.arguments());
    let fleet = Fleet::start(1, &through, &data).await;
    fleet.clients()[0].create_project(PROJECT, true).await;
    let plan = Plan {
        clients: CLIENTS,
        large: false,
        breaks: true,
    };
    let load = Load::new(fleet, plan, &mut random);
    let mut clients = random.fork();
    tokio::join!(
        load.run(&mut clients),
        break_off(&load, &lab.toxiproxy, &mut random)
    );
    println!("toxic: {:?}, {:?}", start.elapsed(), load.totals());
    assert_no_faults(&load.model());
    assert!(load.totals().refused > 0, "nothing was cut");

    // Now without a proxy.
    load.fleet.restart(&builder(IDLE, GRACE), &data).await;
    let there = look(&load, &mut random).await;
    assert_sound(&data);
    load.fleet.restart(&builder(1, 0), &data).await;
    let objects = leftovers_vanish(&data, false).await;
    let images = there.images.len();
    println!(
        "toxic: {images} images, {objects} objects, {:?} in all",
        start.elapsed()
    );
}

/// Breaks connections to each service in each way, for a moment.
async fn break_off(load: &Load, toxiproxy: &Toxiproxy, random: &mut Random) {
    let mut breaks: Vec<_> = Service::ALL.into_iter().flat_map(breaks_of).collect();
    while !breaks.is_empty() && !load.ends() {
        let next = random.within(0..breaks.len() as u64);
        let (service, toxic) = breaks.swap_remove(usize::try_from(next).unwrap());
        match toxic {
            Some((toxic, way, percent)) => toxiproxy.add(service, toxic, way, percent).await,
            None => toxiproxy.cut(service).await,
        }
        let _ = timeout(BROKEN, load.has_acknowledged_more(IMAGES)).await;
        toxiproxy.mend().await;
        let _ = timeout(BROKEN, load.has_acknowledged_more(1)).await;
    }
    load.end();
}

type Break = (Service, Option<(Toxic, Way, u8)>);

/// The ways in which connections to a service break: `None` is all at once.
fn breaks_of(service: Service) -> Vec<Break> {
    // A message that SQS gave out and nobody got comes again after a minute.
    let answers = if service == Service::Sqs {
        Way::Up
    } else {
        Way::Down
    };
    let toxics = [
        None,
        Some((Toxic::ResetPeer(0), answers, 30)),
        Some((Toxic::Timeout(100), answers, 30)),
        Some((Toxic::LimitData(50_000), Way::Up, 50)),
        Some((Toxic::LimitData(50_000), answers, 50)),
    ];
    toxics.map(|toxic| (service, toxic)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_dynamodb_is_silent_requests_are_refused_in_time() {
    let refused = refused_while_silent(Service::DynamoDb).await;
    assert!(refused.is_none_or(|refused| refused.len() == REQUESTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_s3_is_silent_what_needs_it_is_refused_in_time() {
    let refused = refused_while_silent(Service::S3).await;
    assert!(refused.is_none_or(|refused| refused == ["GET blob", "POST blob"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_sqs_is_silent_nothing_is_refused() {
    let refused = refused_while_silent(Service::Sqs).await;
    assert!(refused.is_none_or(|refused| refused.is_empty()));
}

/// Asks for many things while a service takes requests and answers none; which
/// of them were refused. Once it answers again, all goes on.
async fn refused_while_silent(service: Service) -> Option<Vec<&'static str>> {
    let lab = Lab::start().await?;
    let server = lab.instance().await;
    let client = server.admin();
    let (image, deleted) = (Image::random(100_000), Image::random(1_000));
    tokio::join!(push(&client, &image), push(&client, &deleted));
    let layer = &image.layers[0];
    let new = random_bytes(1_000);
    let uploads = format!("/v2/{REPOSITORY}/blobs/uploads/");
    let upload = format!("{uploads}?digest={}", Digest::sha256(&new));
    let manifest = Image::random(1_000);

    lab.toxiproxy
        .add(service, Toxic::Timeout(0), Way::Down, 100)
        .await;
    let requests: [_; REQUESTS] = [
        ("GET manifest", client.get(&manifest_path(&image)), 200),
        ("HEAD manifest", client.head(&manifest_path(&image)), 200),
        (
            "DELETE manifest",
            client.delete(&manifest_path(&deleted)),
            202,
        ),
        ("GET blob", client.get(&blob_path(&layer.digest)), 200),
        ("HEAD blob", client.head(&blob_path(&layer.digest)), 200),
        ("POST blob", client.post(&upload).body(new), 201),
        ("POST upload", client.post(&uploads), 202),
        (
            "GET tags",
            client.get(&format!("/v2/{REPOSITORY}/tags/list")),
            200,
        ),
        ("GET projects", client.get("/api/v2.0/projects"), 200),
    ];
    let asked = requests.map(|(what, request, good)| async move {
        let start = Instant::now();
        let answer = timeout(DEADLINE, request.send()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what}: no answer in {DEADLINE:?}"));
        println!(
            "toxic: {service:?} silent: {what}: {} after {:?}",
            answer.status,
            start.elapsed()
        );
        if answer.status == good {
            return None;
        }
        assert_refused(&answer);
        Some(what)
    });
    let refused = join_all(asked).await.into_iter().flatten().collect();
    client.get("/livez").send().await.expect(200);
    lab.toxiproxy.mend().await;

    push(&client, &manifest).await;
    drop(server);
    lab.assert_kept(&[image, manifest]).await;
    Some(refused)
}

/// A 503 that says when to come back.
#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
}
