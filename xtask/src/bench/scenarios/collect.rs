//! Garbage: the blobs of deleted images, collected while others pull.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::bench::{
    client::{Connection, at_once},
    content::{Blob, Image},
    lab::Lab,
    registry::{Repository, expect},
    results::{Unit, Who, quantile},
    seed,
    server::{Role, Server},
};

/// Images that are deleted, and the layers of each.
const IMAGES: usize = 200;
const LAYERS: usize = 500;
/// Connections that pull meanwhile, and how long each waits after a pull: a load that leaves
/// the machine time for more.
const PULLERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);
/// How long pulls are measured before anything is collected.
const BEFORE: Duration = Duration::from_secs(8);
/// How long a collection may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// How many files may be left: those of the image that stays.
const LEFT: usize = 10;

/// What is there before anything is deleted.
struct Filled {
    kept: Image,
    manifests: Vec<String>,
}

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.berth_filled(Role::WithoutGrace, fill, measure)
}

fn kept(server: &Server) -> Result<Repository> {
    Repository::writable(server, "library/kept")
}

fn deleted(server: &Server) -> Result<Repository> {
    Repository::writable(server, "library/deleted")
}

fn fill(lab: &mut Lab<'_>, server: &Server) -> Result<Filled> {
    let kept = lab.random.image(1, 1_000_000);
    self::kept(server)?.place_image("latest", &kept)?;
    let repository = deleted(server)?;
    let config = lab.random.blob(100);
    repository.place_blob(&config)?;
    let mut layers = lab.random.blobs(IMAGES * LAYERS, 100);
    seed::blobs(&repository, &layers)?;
    let mut connection = Connection::open(server.address)?;
    let mut manifests = Vec::new();
    for number in 0..IMAGES {
        let config = Blob::new(config.bytes.clone());
        let image = Image::new(config, layers.split_off(layers.len() - LAYERS));
        repository.push_manifest(&mut connection, &seed::tag(number), &image.manifest.bytes)?;
        manifests.push(image.manifest.digest);
    }
    Ok(Filled { kept, manifests })
}

fn measure(lab: &mut Lab<'_>, server: &Server, filled: &Filled) -> Result<()> {
    let before = pulls(server, &filled.kept, || thread::sleep(BEFORE))?;
    add_p99(lab, "before blobs are collected", &before);

    let repository = deleted(server)?;
    let mut connection = Connection::open(server.address)?;
    for digest in &filled.manifests {
        let path = repository.manifest_path(digest);
        let answer = repository.send(&mut connection, "DELETE", &path, ("", &[]))?;
        expect(&answer, 202, "DELETE of a manifest")?;
    }
    let begin = Instant::now();
    let mut collected = None;
    let during = pulls(server, &filled.kept, || {
        collected = Some(collect_all(lab, server));
    })?;
    let took = begin.elapsed().as_secs_f64();
    collected.context("nothing was collected")??;
    let name = "100,000 unreferenced blobs are collected";
    lab.results.add(name, Unit::Seconds, Who::Berth, took);
    add_p99(lab, "while blobs are collected", &during);
    Ok(())
}

/// Collects until nothing is left: a collection ends when nothing is due, and what the last
/// jobs of the deletions free may be due only then.
fn collect_all(lab: &Lab<'_>, server: &Server) -> Result<()> {
    let begin = Instant::now();
    loop {
        collect(lab, server)?;
        let left = files(&server.data.join("blobs"))?;
        if left <= LEFT {
            return Ok(());
        }
        ensure!(begin.elapsed() < PATIENCE, "{left} blobs are left");
    }
}

/// A collection beside the server.
fn collect(lab: &Lab<'_>, server: &Server) -> Result<()> {
    let program = lab.programs.of(Who::Berth).context("no berth")?;
    let ended = Command::new(program)
        .args(["admin", "gc", "--data"])
        .arg(&server.data)
        .env("BERTH_GC_GRACE_SECONDS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start `berth admin gc`")?;
    ensure!(ended.success(), "`berth admin gc` ended with {ended}");
    Ok(())
}

/// Pulls while something else is done; how long each pull took, in milliseconds.
fn pulls(server: &Server, image: &Image, meanwhile: impl FnOnce()) -> Result<Vec<f64>> {
    let repository = kept(server)?;
    let layer = image.layers.first().context("an image without layers")?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let pullers = scope.spawn(|| {
            at_once(server.address, PULLERS, |_, connection| {
                let mut times = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    repository.pull_manifest(connection, "latest")?;
                    repository.pull_blob(connection, layer)?;
                    times.push(begin.elapsed().as_secs_f64() * 1000.0);
                    thread::sleep(PAUSE);
                }
                Ok(times)
            })
        });
        meanwhile();
        done.store(true, Ordering::Relaxed);
        match pullers.join() {
            Ok(times) => Ok(times?.1.concat()),
            Err(_) => bail!("a client's thread panicked"),
        }
    })
}

fn add_p99(lab: &mut Lab<'_>, when: &str, times: &[f64]) {
    let name = format!("pull of a manifest and 1 MB {when}, p99");
    let p99 = quantile(times, 0.99).unwrap_or_default();
    lab.results.add(&name, Unit::Milliseconds, Who::Berth, p99);
}

/// How many files are in a folder and below.
fn files(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder).context("cannot list blobs")? {
        let entry = entry.context("cannot list blobs")?;
        if entry.file_type().context("cannot list blobs")?.is_dir() {
            count += files(&entry.path())?;
        } else {
            count += 1;
        }
    }
    Ok(count)
}
