//! Whole images of ten layers.

use std::time::Instant;

use anyhow::Result;

use crate::bench::{
    lab::Lab,
    registry::Repository,
    results::{Unit, Who},
    scenarios::{ALL, REPOSITORY},
    server::Server,
};

const LAYERS: usize = 10;
/// Bytes of each layer.
const LAYER: usize = 5_000_000;
/// Images a round.
const IMAGES: usize = 3;

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.compare(&ALL, measure)
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let repository = Repository::writable(server, REPOSITORY)?;
    for number in 0..IMAGES {
        let image = lab.random.image(LAYERS, LAYER);
        let tag = number.to_string();
        // nginx takes no pushes.
        if server.who == Who::Nginx {
            repository.place_image(&tag, &image)?;
        } else {
            let begin = Instant::now();
            repository.push_image(&tag, &image)?;
            add(lab, "push", server.who, begin);
        }
        let begin = Instant::now();
        repository.pull_image(&tag, &image)?;
        add(lab, "pull", server.who, begin);
    }
    Ok(())
}

fn add(lab: &mut Lab<'_>, what: &str, who: Who, begin: Instant) {
    let name = format!("{what} of an image of 10 layers of 5 MB");
    let took = begin.elapsed().as_secs_f64() * 1000.0;
    lab.results.add(&name, Unit::Milliseconds, who, took);
}
