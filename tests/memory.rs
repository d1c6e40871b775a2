//! Memory does not grow with what is moved: many large pushes and cold pulls at
//! once. Sizes are for CI; with `BERTH_FULL=1` each blob has 256 MB.

use std::sync::{Arc, Mutex};

use berth_oci::{Algorithm, Hasher};
use berth_testkit::hub::{Hub, HubSettings};
use berth_testkit::image::seeded_bytes;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::Method;

use crate::support::http::{Client, with_query};
use crate::support::server::{Server, assert_sound};
use crate::support::store;

/// Pushes or pulls at once.
const AT_ONCE: u64 = 64;
/// How much of a blob is in our own memory at a time.
const PIECE: u64 = 256 << 10;

/// What all this may take at its peak. An upload to S3 goes by parts that are in
/// memory as a whole.
fn limit() -> u64 {
    if store::is_aws() {
        512 << 20
    } else {
        256 << 20
    }
}

/// The size of each blob in bytes.
fn blob_size() -> u64 {
    let full = std::env::var("BERTH_FULL").is_ok_and(|value| value == "1");
    if full { 256_000_000 } else { 8_000_000 }
}

/// The pieces of the blob of a seed.
fn pieces(seed: u64, size: u64) -> impl Iterator<Item = Bytes> {
    let starts = (0..size).step_by(usize::try_from(PIECE).unwrap());
    starts.map(move |start| seeded_bytes(seed, start..size.min(start + PIECE)))
}

/// The most memory that a server has had (`VmHWM`), in bytes.
fn peak(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

fn assert_peak(server: &Server, what: &str) {
    let (peak, size) = (peak(server), blob_size());
    println!(
        "memory: {AT_ONCE} {what} of {size} bytes at once: VmHWM {} MiB",
        peak >> 20
    );
    assert!(peak < limit(), "{what} took {peak} bytes");
}

async fn push(client: &Client, seed: u64) {
    let location = client.start_upload("library/memory").await;
    // Hashed on the way: no connection is idle meanwhile.
    let hasher = Arc::new(Mutex::new(Some(Hasher::new(Algorithm::Sha256))));
    let sent = Arc::clone(&hasher);
    let body = pieces(seed, blob_size()).map(move |piece| {
        sent.lock().unwrap().as_mut().unwrap().update(&piece);
        Ok::<_, std::io::Error>(piece)
    });
    let body = reqwest::Body::wrap_stream(stream::iter(body));
    let patch = client.patch(&location).body(body);
    let location = patch.send().await.expect(202).location();
    let digest = hasher.lock().unwrap().take().unwrap().finish();
    let put = client.put(&with_query(&location, &format!("digest={digest}")));
    put.send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_pushes_at_once_take_little_memory() {
    let server = Server::start().await;
    let client = server.admin();
    join_all((0..AT_ONCE).map(|seed| push(&client, seed))).await;
    assert_peak(&server, "pushes");
    assert_sound(server.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_cold_pulls_at_once_take_little_memory() {
    let hub = Hub::start_with(HubSettings::docker_hub()).await;
    let size = blob_size();
    let digests: Vec<_> = (0..AT_ONCE)
        .map(|seed| hub.push_seeded_blob("library/memory", seed, size))
        .collect();
    let server = Server::start().await;
    let client = server.admin();
    let registry = client.create_registry("hub", &hub.url(), None).await;
    client.create_proxy_project("cache", registry, true).await;
    let pulls = digests.iter().map(|digest| {
        let path = format!("/v2/cache/library/memory/blobs/{digest}");
        let request = client.request(Method::GET, &path);
        async move { assert_eq!(request.digest().await, *digest) }
    });
    join_all(pulls).await;
    assert_peak(&server, "cold pulls");
    assert_sound(server.data());
}
