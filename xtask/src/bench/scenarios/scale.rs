//! A repository with a hundred thousand manifests and tags beside one with a hundred, in the
//! same Berth: what is done to either, in turns.

use std::time::Instant;

use anyhow::Result;

use crate::bench::{
    client::{Connection, Request},
    content::{Image, digest},
    lab::Lab,
    registry::{Repository, expect},
    results::{Unit, Who, median},
    seed,
    server::{Role, Server},
};

/// The repositories and how many manifests they have.
const SIZES: [(&str, usize); 2] = [("100", 100), ("100,000", 100_000)];
/// How often each thing is done to each repository in a round.
const TIMES: usize = 400;

/// A repository with what was put into it.
struct Filled {
    repository: Repository,
    size: &'static str,
    count: usize,
}

impl Filled {
    /// One of a hundred places that are spread over the whole repository.
    fn somewhere(&self, number: usize) -> usize {
        number * 37 % 100 * (self.count / 100)
    }
}

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.berth_filled(Role::Registry, fill, measure)
}

fn fill(lab: &mut Lab<'_>, server: &Server) -> Result<Image> {
    let image = lab.random.image(1, 1000);
    for (_, count) in SIZES {
        let repository = Repository::writable(server, &name(count))?;
        repository.place_image("latest", &image)?;
        seed::manifests(&repository, &image, count)?;
    }
    Ok(image)
}

fn name(count: usize) -> String {
    format!("library/of-{count}")
}

fn measure(lab: &mut Lab<'_>, server: &Server, image: &Image) -> Result<()> {
    let mut filled = Vec::new();
    for (size, count) in SIZES {
        filled.push(Filled {
            repository: Repository::writable(server, &name(count))?,
            size,
            count,
        });
    }
    for round in 0..lab.rounds {
        operations(lab, &filled, image, round)?;
    }
    Ok(())
}

fn operations(lab: &mut Lab<'_>, filled: &[Filled], image: &Image, round: usize) -> Result<()> {
    let manifest = |number: usize| seed::variant(image, &format!("new {round} {number}"));
    let tag = |number: usize| format!("new-{round}-{number}");
    in_turns(lab, "pull by tag", filled, |filled, connection, number| {
        let tag = seed::tag(filled.somewhere(number));
        filled.repository.pull_manifest(connection, &tag)?;
        Ok(())
    })?;
    in_turns(lab, "push", filled, |filled, connection, number| {
        let repository = &filled.repository;
        repository.push_manifest(connection, &tag(number), &manifest(number))
    })?;
    in_turns(
        lab,
        "list page of 50 tags",
        filled,
        |filled, connection, number| {
            let last = seed::tag(filled.somewhere(number) / 2);
            let path = format!("/v2/{}/tags/list?n=50&last={last}", filled.repository.name);
            let answer = connection.send(Request::new("GET", &path, &[]))?;
            expect(&answer, 200, "GET of tags")
        },
    )?;
    in_turns(lab, "delete", filled, |filled, connection, number| {
        let path = filled.repository.manifest_path(&digest(&manifest(number)));
        let answer = filled
            .repository
            .send(connection, "DELETE", &path, ("", &[]))?;
        expect(&answer, 202, "DELETE of a manifest")
    })
}

/// Does something to each repository in turns and adds the median of its times.
fn in_turns(
    lab: &mut Lab<'_>,
    what: &str,
    filled: &[Filled],
    once: impl Fn(&Filled, &mut Connection, usize) -> Result<()>,
) -> Result<()> {
    let mut times = vec![Vec::new(); filled.len()];
    let mut connection = Connection::open(filled[0].repository.address)?;
    for number in 0..TIMES {
        for (filled, times) in filled.iter().zip(&mut times) {
            let begin = Instant::now();
            once(filled, &mut connection, number)?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
    }
    for (filled, times) in filled.iter().zip(&times) {
        let name = format!("{what} in a repository with {} manifests", filled.size);
        let median = median(times).unwrap_or_default();
        lab.results
            .add(&name, Unit::Milliseconds, Who::Berth, median);
    }
    Ok(())
}
