//! Whether memory grows with a blob: each server alone with one of 100 MB, then with one of 2 GB.

use anyhow::Result;

use crate::bench::{
    client::Connection,
    lab::Lab,
    process::Usage,
    registry::Repository,
    results::{Unit, Who},
    scenarios::{REGISTRIES, REPOSITORY},
    server::Server,
};

const SIZES: [(&str, usize); 2] = [("100 MB", 100_000_000), ("2 GB", 2_000_000_000)];

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    // What is taken hardly differs from round to round.
    lab.compare_once(&REGISTRIES, measure)
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let repository = Repository::writable(server, REPOSITORY)?;
    for (size, length) in SIZES {
        let blob = lab.random.blob(length);
        let mut connection = Connection::open(server.address)?;
        let watch = server.watch()?;
        repository.push_blob(&mut connection, &blob)?;
        add(
            lab,
            &format!("one push of {size}"),
            server.who,
            watch.stop()?,
        );
        let watch = server.watch()?;
        repository.pull_blob(&mut connection, &blob)?;
        add(
            lab,
            &format!("one pull of {size}"),
            server.who,
            watch.stop()?,
        );
    }
    Ok(())
}

fn add(lab: &mut Lab<'_>, name: &str, who: Who, usage: Usage) {
    let name = format!("peak memory: {name}");
    lab.results.add(&name, Unit::Mebibytes, who, usage.peak);
}
