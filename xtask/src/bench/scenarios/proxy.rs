//! Caches before an upstream: nothing held yet, everything held, one client and many, beside
//! the upstream itself. All go through one relay that counts what the upstream sends.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::{
    client::{Connection, Request},
    content::Image,
    lab::{Lab, clear},
    registry::{Repository, expect},
    relay::Relay,
    results::{Unit, Who, median},
    scenarios::{REGISTRIES, REPOSITORY},
    server::{ADMIN, Role, Server, sync},
};

const CLIENTS: usize = 32;
const LAYERS: usize = 5;
/// Bytes of each layer of the images whose whole pull is timed.
const LAYER: usize = 40_000_000;
/// Bytes of each layer of the image whose first bytes are timed.
const SMALL_LAYER: usize = 1_000_000;

/// An upstream with images that no cache has seen, and the relay before it.
struct Upstream {
    relay: Relay,
    /// For the time to the first byte.
    small: Image,
    /// For one client.
    one: Image,
    /// For many clients.
    many: Image,
    _server: Server,
}

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    for round in 0..lab.rounds {
        let folder = lab.fresh_folder("upstream")?;
        let upstream = Upstream::start(lab, &folder)?;
        direct(lab, &upstream)?;
        for who in lab.order(&REGISTRIES, round) {
            println!("  round {}, {}", round + 1, who.name());
            let folder = lab.fresh_folder(who.name())?;
            let url = upstream.relay.url();
            let done = Server::start(&lab.programs, who, &folder, Role::CacheOf(&url))
                .and_then(|server| cached(lab, &upstream, &server));
            lab.note(who, done);
            clear(&folder)?;
            sync()?;
        }
        drop(upstream);
        clear(&folder)?;
    }
    Ok(())
}

impl Upstream {
    fn start(lab: &mut Lab<'_>, folder: &std::path::Path) -> Result<Self> {
        let server = Server::start(&lab.programs, Who::Distribution, folder, Role::Registry)?;
        let small = lab.random.image(LAYERS, SMALL_LAYER);
        let one = lab.random.image(LAYERS, LAYER);
        let many = lab.random.image(LAYERS, LAYER);
        let repository = Repository::writable(&server, REPOSITORY)?;
        for (tag, image) in [("small", &small), ("one", &one), ("many", &many)] {
            repository.place_image(tag, image)?;
        }
        sync()?;
        Ok(Self {
            relay: Relay::start(server.address)?,
            small,
            one,
            many,
            _server: server,
        })
    }
}

/// Without a cache.
fn direct(lab: &mut Lab<'_>, upstream: &Upstream) -> Result<()> {
    let repository = Repository::readable(upstream.relay.address, REPOSITORY);
    first_bytes(lab, Who::Direct, &repository, upstream)?;
    for _ in 0..2 {
        let took = pulls(&repository, "one", &upstream.one, 1)?;
        for state in ["cold", "warm"] {
            add_total(lab, Who::Direct, state, 1, took);
        }
    }
    Ok(())
}

fn cached(lab: &mut Lab<'_>, upstream: &Upstream, server: &Server) -> Result<()> {
    let name = match server.who {
        Who::Berth => {
            set_up(server, &upstream.relay)?;
            format!("cache/{REPOSITORY}")
        }
        _ => REPOSITORY.to_owned(),
    };
    let repository = Repository::readable(server.address, &name);
    first_bytes(lab, server.who, &repository, upstream)?;

    for (tag, image, clients) in [("one", &upstream.one, 1), ("many", &upstream.many, CLIENTS)] {
        upstream.relay.take();
        let watch = server.watch()?;
        let took = pulls(&repository, tag, image, clients)?;
        let usage = watch.stop()?;
        add_total(lab, server.who, "cold", clients, took);
        #[expect(clippy::cast_precision_loss, reason = "bytes of an image")]
        let (sent, size) = (upstream.relay.take() as f64, image.size() as f64);
        let load = load("cold", clients);
        let bytes = format!("{load}, bytes of the upstream");
        lab.results
            .add(&bytes, Unit::Times, server.who, sent / size);
        #[expect(clippy::cast_precision_loss, reason = "a few clients")]
        lab.add_usage(&load, server.who, usage, size * clients as f64);

        for _ in 0..2 {
            let took = pulls(&repository, tag, image, clients)?;
            add_total(lab, server.who, "warm", clients, took);
        }
    }
    Ok(())
}

fn load(state: &str, clients: usize) -> String {
    let clients = match clients {
        1 => "1 client".to_owned(),
        _ => format!("{clients} clients"),
    };
    format!("proxy {state}, image of 200 MB, {clients}")
}

fn add_total(lab: &mut Lab<'_>, who: Who, state: &str, clients: usize, took: Duration) {
    let took = took.as_secs_f64() * 1000.0;
    let name = load(state, clients);
    lab.results.add(&name, Unit::Milliseconds, who, took);
}

/// Makes the proxy project `cache` at Berth.
fn set_up(server: &Server, relay: &Relay) -> Result<()> {
    let mut connection = Connection::open(server.address)?;
    let mut post = |path: &str, body: &serde_json::Value| {
        let answer = connection.send(Request {
            method: "POST",
            path,
            headers: &[
                ("Authorization", ADMIN),
                ("Content-Type", "application/json"),
            ],
            body: body.to_string().as_bytes(),
        })?;
        expect(&answer, 201, "POST of a proxy project")?;
        Ok::<_, anyhow::Error>(answer)
    };
    let registry = serde_json::json!({
        "name": "upstream", "type": "docker-registry", "url": relay.url(),
    });
    let made = post("/api/v2.0/registries", &registry)?;
    let number = made.location()?.rsplit('/').next();
    let number: u64 = number
        .and_then(|number| number.parse().ok())
        .context("no number")?;
    let project = serde_json::json!({
        "project_name": "cache", "registry_id": number, "metadata": { "public": "true" },
    });
    post("/api/v2.0/projects", &project)?;
    Ok(())
}

/// Pulls layers one after the other, and times the first byte of each and of the image.
fn first_bytes(
    lab: &mut Lab<'_>,
    who: Who,
    repository: &Repository,
    upstream: &Upstream,
) -> Result<()> {
    let mut connection = Connection::open(repository.address)?;
    let begin = Instant::now();
    repository.pull_manifest(&mut connection, "small")?;
    let manifest = begin.elapsed();
    let mut times = Vec::new();
    for layer in &upstream.small.layers {
        let answer = repository.pull_blob(&mut connection, layer)?;
        times.push(answer.first_byte.as_secs_f64() * 1000.0);
    }
    let first = manifest.as_secs_f64() * 1000.0 + times[0];
    let layer = median(&times).context("an image without layers")?;
    let mut add = |what: &str, value| {
        let name = format!("proxy cold, first byte of {what}");
        lab.results.add(&name, Unit::Milliseconds, who, value);
    };
    add("a layer", layer);
    add("an image's first layer, with its manifest", first);
    Ok(())
}

/// So many clients pull an image at once; how long until the last has it.
fn pulls(repository: &Repository, tag: &str, image: &Image, clients: usize) -> Result<Duration> {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| repository.pull_image(tag, image)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(pulled) => pulled?,
                Err(_) => bail!("a client's thread panicked"),
            }
        }
        Ok(begin.elapsed())
    })
}
