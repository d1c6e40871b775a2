//! Blobs: GET of small and of large ones, and Range.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::{
    client::{Connection, Request, at_once},
    lab::Lab,
    registry::{Repository, expect},
    results::Unit,
    scenarios::{ALL, REPOSITORY, connections},
    server::Server,
};

const TIME: Duration = Duration::from_millis(1500);

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.compare(&ALL, measure)
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let repository = Repository::writable(server, REPOSITORY)?;
    let blobs = [1_000_000, 100_000_000].map(|length| lab.random.blob(length));
    for blob in &blobs {
        repository.place_blob(blob)?;
    }

    for (blob, size) in blobs.iter().zip(["1 MB", "100 MB"]) {
        for count in [1, 4] {
            let name = format!("blob GET {size}, {}", connections(count));
            pull(lab, server, &name, count, &|connection: &mut Connection| {
                Ok(repository.pull_blob(connection, blob)?.length)
            })?;
        }
    }
    // From the middle, so that no page of the start is special.
    let range = "bytes=50000000-50999999";
    let path = repository.blob_path(&blobs[1].digest);
    let name = format!("blob GET 1 MB by Range of 100 MB, {}", connections(4));
    pull(lab, server, &name, 4, &|connection: &mut Connection| {
        let headers = [("Range", range)];
        let answer = connection.send(Request::new("GET", &path, &headers))?;
        expect(&answer, 206, "GET of a range")?;
        Ok(answer.length)
    })
}

/// Pulls over and over on so many connections.
fn pull(
    lab: &mut Lab<'_>,
    server: &Server,
    name: &str,
    count: usize,
    once: &(impl Fn(&mut Connection) -> Result<u64> + Sync),
) -> Result<()> {
    let watch = server.watch()?;
    let (took, bytes) = at_once(server.address, count, |_, connection| {
        let mut bytes = 0;
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            bytes += once(connection)?;
        }
        Ok(bytes)
    })?;
    let usage = watch.stop()?;
    #[expect(clippy::cast_precision_loss, reason = "a count of bytes")]
    let bytes = bytes.into_iter().sum::<u64>() as f64;
    let rate = bytes / 1e6 / took.as_secs_f64();
    lab.results.add(name, Unit::Megabytes, server.who, rate);
    lab.add_usage(name, server.who, usage, bytes);
    Ok(())
}
