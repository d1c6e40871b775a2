//! Lists of tags in a repository that has ten thousand.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bench::{
    client::{Connection, Request, path_of},
    lab::Lab,
    registry::{Repository, expect},
    results::Unit,
    scenarios::{REGISTRIES, REPOSITORY},
    seed,
    server::Server,
    wrk::wrk,
};

const TAGS: usize = 10_000;
/// Tags on a page of the walk.
const PAGE: usize = 1000;
const TIME: Duration = Duration::from_secs(2);

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.compare_kept(&REGISTRIES, prepare, measure)
}

/// Gives one image ten thousand names.
fn prepare(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let repository = Repository::writable(server, REPOSITORY)?;
    let image = lab.random.image(1, 1000);
    repository.place_image("latest", &image)?;
    seed::tags(server, &repository, &image.manifest, TAGS)
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let list = format!("/v2/{REPOSITORY}/tags/list");
    let begin = Instant::now();
    let tags = walk(server, &list)?;
    let took = begin.elapsed().as_secs_f64() * 1000.0;
    ensure!(tags > TAGS, "a list of {tags} tags instead of {}", TAGS + 1);
    let name = "tag list, all 10,000 in pages of 1,000";
    lab.results.add(name, Unit::Milliseconds, server.who, took);

    let url = format!("{}{list}?n=100", server.url());
    let counted = wrk(lab.place, &url, 8, TIME, &[])?;
    let name = "tag list, 100 of 10,000, 8 connections";
    lab.results
        .add(name, Unit::Requests, server.who, counted.rate);
    Ok(())
}

/// Follows the links from page to page; how many tags there are.
fn walk(server: &Server, list: &str) -> Result<usize> {
    let mut connection = Connection::open(server.address)?;
    let mut next = Some(format!("{list}?n={PAGE}"));
    let mut tags = 0;
    while let Some(path) = next {
        let (answer, body) = connection.read(Request::new("GET", &path, &[]))?;
        expect(&answer, 200, "GET of tags")?;
        let page: serde_json::Value = serde_json::from_slice(&body)?;
        tags += page["tags"].as_array().map_or(0, Vec::len);
        let link = answer.header("link").and_then(|link| {
            let target = link.split_once('<')?.1.split_once('>')?.0;
            Some(path_of(target).to_owned())
        });
        next = link.filter(|link| *link != path);
    }
    Ok(tags)
}
