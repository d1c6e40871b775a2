//! A cache of several instances: each blob and manifest comes from upstream
//! once for all their clients, also if the instance that fetches it dies.
//!
//! With `BERTH_FULL=1` it is an image of 200 MB for 100 clients; the times are
//! printed, and mean something with a release build only (`BERTH_BIN`).

use std::time::{Duration, Instant};

use berth_testkit::hub::{Fault, Gate, Hub, HubSettings, On, RequestKind};
use berth_testkit::image::{Content, seeded_bytes};
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;
use tempfile::TempDir;

use super::can_share;
use super::fleet::Fleet;
use crate::support::http::Client;
use crate::support::server::{Server, assert_sound, create_store};

const LAYERS: u64 = 5;
const REPOSITORY: &str = "library/large";

fn is_full() -> bool {
    std::env::var("BERTH_FULL").is_ok_and(|value| value == "1")
}

/// Bytes of a layer: more than a fetch records at once.
fn layer_size() -> u64 {
    if is_full() { 40_000_000 } else { 20_000_000 }
}

fn clients_at_once() -> usize {
    if is_full() { 100 } else { 12 }
}

/// An image at the upstream, which no instance has.
struct Upstream {
    hub: Hub,
    layers: Vec<(String, Bytes)>,
}

impl Upstream {
    async fn start() -> Self {
        let hub = Hub::start_with(HubSettings::open()).await;
        let config = hub.push_blob(REPOSITORY, "{}");
        let mut layers = vec![(config.to_string(), Bytes::from("{}"))];
        let mut described = Vec::new();
        for seed in 1..=LAYERS {
            let digest = hub.push_seeded_blob(REPOSITORY, seed, layer_size());
            layers.push((digest.to_string(), seeded_bytes(seed, 0..layer_size())));
            described.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest.to_string(),
                "size": layer_size(),
            }));
        }
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config.to_string(),
                "size": 2,
            },
            "layers": described,
        });
        let manifest = Content::new(media_type, manifest.to_string());
        let digest = hub.push_manifest(REPOSITORY, &manifest);
        hub.tag(REPOSITORY, "latest", digest);
        Self { hub, layers }
    }

    fn size(&self) -> u64 {
        self.layers
            .iter()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum()
    }

    /// What it sent of all blobs.
    fn sent(&self) -> u64 {
        let digests = self
            .layers
            .iter()
            .map(|(digest, _)| digest.parse().unwrap());
        digests.map(|digest| self.hub.bytes_sent(&digest)).sum()
    }

    /// Pulls the image as one client, from another instance where one hangs up.
    async fn pull(&self, clients: &[Client]) {
        let manifest = format!("/v2/cache/{REPOSITORY}/manifests/latest");
        assert!(!get(clients, &manifest).await.is_empty());
        for (digest, bytes) in &self.layers {
            let path = format!("/v2/cache/{REPOSITORY}/blobs/{digest}");
            assert!(get(clients, &path).await == bytes, "{digest}");
        }
    }

    /// Many clients, each at another of the instances first; how long they
    /// took.
    async fn pull_by_all(&self, clients: &[Client]) -> Duration {
        let start = Instant::now();
        let pulls = (0..clients_at_once()).map(|number| {
            let mut order = clients.to_vec();
            order.rotate_left(number % clients.len());
            async move { self.pull(&order).await }
        });
        join_all(pulls).await;
        start.elapsed()
    }
}

/// A GET's body, whole, from the first of the instances that gives it.
async fn get(clients: &[Client], path: &str) -> Bytes {
    for client in clients {
        match client.get(path).try_send().await {
            Ok(answer) if answer.status == 503 => {}
            Ok(answer) => return answer.expect(200).body,
            Err(error) => println!("instances: {path}: {error}"),
        }
    }
    panic!("no instance served {path}");
}

/// So many instances with a proxy project of an upstream.
async fn cache(count: u8, folder: &TempDir, upstream: &Upstream) -> Fleet {
    let data = folder.path().join("data");
    create_store(&data);
    let fleet = Fleet::start(count, &Server::builder().args(["--log", "warn"]), &data).await;
    let admin = &fleet.clients()[0];
    let url = upstream.hub.url();
    let registry = admin.create_registry("hub", &url, None).await;
    admin.create_proxy_project("cache", registry, true).await;
    fleet
}

#[tokio::test(flavor = "multi_thread")]
async fn three_instances_fetch_an_image_once_for_all_their_clients() {
    if !can_share() {
        return;
    }
    let mut took = Vec::new();
    for count in [1, 3] {
        let folder = TempDir::with_prefix("berth-").unwrap();
        let upstream = Upstream::start().await;
        let fleet = cache(count, &folder, &upstream).await;
        took.push(upstream.pull_by_all(&fleet.clients()).await);
        assert_eq!(upstream.hub.count(RequestKind::ManifestGet), 1);
        assert_eq!(
            upstream.hub.count(RequestKind::BlobGet),
            upstream.layers.len()
        );
        assert_eq!(upstream.sent(), upstream.size());
        assert_sound(&folder.path().join("data"));
    }
    let ratio = took[1].as_secs_f64() / took[0].as_secs_f64();
    println!(
        "instances: {} clients pulled {} MB in {:?} from one instance, {:?} from three, {ratio:.2} times that",
        clients_at_once(),
        LAYERS * layer_size() / 1_000_000,
        took[0],
        took[1],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_instance_that_fetches_dies_another_goes_on_for_all_clients() {
    if !can_share() {
        return;
    }
    let folder = TempDir::with_prefix("berth-").unwrap();
    let upstream = Upstream::start().await;
    let fleet = cache(3, &folder, &upstream).await;
    let clients = fleet.clients();
    let blobs = upstream.layers.len();
    // Most of each layer comes, and no more.
    let gate = Gate::closed();
    let first = On::every(RequestKind::BlobGet).times(blobs);
    upstream.hub.fault(first, Fault::Slow(gate.clone()));
    let paths: Vec<_> = upstream
        .layers
        .iter()
        .map(|(digest, _)| format!("/v2/cache/{REPOSITORY}/blobs/{digest}"))
        .collect();
    // The first instance has begun with all of them before others come.
    let begin = paths.iter().map(|path| clients[0].get(path).try_send());
    let killed = async {
        gate.arrived(blobs).await;
        gate.let_through(4 * blobs);
        // The others follow it.
        for client in &clients[1..] {
            assert!(!client.get(&paths[1]).first_piece().await.is_empty());
        }
        let others = upstream.pull_by_all(&clients[1..]);
        let death = async {
            let pieces = usize::try_from(layer_size() / 70_000 * LAYERS).unwrap();
            gate.let_through(pieces);
            gate.arrived(pieces).await;
            fleet.instances()[0].kill();
        };
        tokio::join!(others, death).0
    };
    let (begun, took) = tokio::join!(join_all(begin), killed);
    gate.open();
    assert!(begun.iter().any(Result::is_err), "it died too late");
    let again = upstream.sent() - upstream.size();
    println!(
        "instances: {} clients in {took:?} though one died, {} MB of {} MB fetched again",
        clients_at_once(),
        again / 1_000_000,
        upstream.size() / 1_000_000
    );
    // All is held now, as one object each.
    upstream.pull(&clients[1..]).await;
    assert!(upstream.hub.count(RequestKind::BlobGet) <= 2 * blobs);
    assert_sound(&folder.path().join("data"));
}
