//! Pushes of blobs, beside what the processor and the disk allow.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::bench::{
    client::at_once,
    content::{Blob, digest},
    lab::{Lab, clear},
    registry::Repository,
    results::{Unit, Who},
    scenarios::{REGISTRIES, REPOSITORY, connections},
    server::{Server, sync},
};

/// Bytes of the larger blobs.
const LARGE: usize = 100_000_000;
/// Bytes of the smaller blobs.
const SMALL: usize = 1_000_000;

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.compare(
        &[REGISTRIES.as_slice(), &[Who::ZotSynced]].concat(),
        measure,
    )
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    if server.who == Who::Berth {
        limits(lab)?;
    }
    let repository = Repository::writable(server, REPOSITORY)?;
    for (count, each) in [(1, 60), (4, 30), (8, 30)] {
        push(lab, server, &repository, ("1 MB", SMALL), (count, each))?;
    }
    for (count, each) in [(1, 3), (4, 1), (8, 1)] {
        push(lab, server, &repository, ("100 MB", LARGE), (count, each))?;
    }
    Ok(())
}

/// Pushes distinct blobs, `each` on every connection.
fn push(
    lab: &mut Lab<'_>,
    server: &Server,
    repository: &Repository,
    (size, length): (&str, usize),
    (count, each): (usize, usize),
) -> Result<()> {
    let blobs = lab.random.blobs(count * each, length);
    let watch = server.watch()?;
    let (took, _) = at_once(server.address, count, |index, connection| {
        let mine = &blobs[index * each..(index + 1) * each];
        mine.iter()
            .try_for_each(|blob| repository.push_blob(connection, blob))
    })?;
    let usage = watch.stop()?;
    let name = name(size, count);
    let bytes = bytes(&blobs);
    let rate = bytes / 1e6 / took.as_secs_f64();
    lab.results.add(&name, Unit::Megabytes, server.who, rate);
    lab.add_usage(&name, server.who, usage, bytes);
    // What a server has not written out yet is not left to the next measurement.
    sync()
}

fn name(size: &str, count: usize) -> String {
    format!("push {size}, {}", connections(count))
}

#[expect(clippy::cast_precision_loss, reason = "bytes in memory")]
fn bytes(blobs: &[Blob]) -> f64 {
    blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>() as f64
}

/// What a push cannot be faster than: taking the digest on every processor that there is a
/// connection for, and writing the same blobs to files in sequence with a sync of each.
fn limits(lab: &mut Lab<'_>) -> Result<()> {
    for count in [1, 4, 8] {
        let blobs = lab.random.blobs(count, LARGE);
        let folder = lab.fresh_folder("limits")?;
        let hashed = all(&blobs, |_, blob| {
            std::hint::black_box(digest(&blob.bytes));
            Ok(())
        })?;
        let begin = Instant::now();
        for (index, blob) in blobs.iter().enumerate() {
            store(&folder, index, blob)?;
        }
        let stored = begin.elapsed();
        clear(&folder)?;
        sync()?;
        let rate = |took: Duration| bytes(&blobs) / 1e6 / took.as_secs_f64();
        let (hashed, stored) = (rate(hashed), rate(stored));
        let results = &mut lab.results;
        for (what, rate) in [
            (format!("SHA-256 of {count} x 100 MB at once"), hashed),
            (
                format!("sequential write and sync of {count} x 100 MB"),
                stored,
            ),
        ] {
            results.add(&what, Unit::Megabytes, Who::Machine, rate);
        }
        let limit = hashed.min(stored);
        results.add(&name("100 MB", count), Unit::Megabytes, Who::Machine, limit);
    }
    Ok(())
}

/// Does something with every blob at once, each in a thread of its own.
fn all(blobs: &[Blob], work: impl Fn(usize, &Blob) -> Result<()> + Sync) -> Result<Duration> {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = blobs
            .iter()
            .enumerate()
            .map(|(index, blob)| {
                let work = &work;
                scope.spawn(move || work(index, blob))
            })
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread that measured a limit panicked"))??;
        }
        Ok(begin.elapsed())
    })
}

fn store(folder: &Path, index: usize, blob: &Blob) -> Result<()> {
    let file = folder.join(index.to_string());
    let mut file = File::create(&file).context("cannot write to the folder of the benchmark")?;
    // As it would come from a socket.
    for piece in blob.bytes.chunks(1 << 20) {
        file.write_all(piece)
            .context("cannot write to the folder of the benchmark")?;
    }
    file.sync_all().context("cannot sync a file")?;
    drop(file);
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .context("cannot sync a folder")
}
