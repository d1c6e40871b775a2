//! Manifests by tag: GET and HEAD, by anyone and with a token.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::{
    client::{Request, at_once},
    content::MANIFEST,
    lab::Lab,
    registry::{Repository, expect, token},
    results::{Unit, Who, quantile},
    scenarios::{ALL, REPOSITORY, connections},
    server::Server,
    wrk::{Counted, wrk},
};

/// Clients say what they take, and distribution wants to know.
const ACCEPT: (&str, &str) = ("Accept", MANIFEST);
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(2);

pub(super) fn run(lab: &mut Lab<'_>) -> Result<()> {
    lab.compare(&ALL, measure)
}

fn measure(lab: &mut Lab<'_>, server: &Server) -> Result<()> {
    let repository = Repository::writable(server, REPOSITORY)?;
    let image = lab.random.image(3, 1000);
    repository.place_image("latest", &image)?;
    let path = repository.manifest_path("latest");
    let url = format!("{}{path}", server.url());
    wrk(lab.place, &url, 8, WARM_UP, &[ACCEPT])?;

    for count in [1, 32] {
        let name = format!("manifest GET by tag, {}", connections(count));
        let watch = server.watch()?;
        let counted = wrk(lab.place, &url, count, TIME, &[ACCEPT])?;
        let usage = watch.stop()?;
        add(lab, &name, server.who, &counted);
        if count > 1 {
            lab.add_usage(&name, server.who, usage, 0.0);
        }
        // The others ask nobody; with a token Berth is compared with itself.
        if server.who == Who::Berth {
            let bearer = format!("Bearer {}", token(server, REPOSITORY, "pull")?);
            let headers = [ACCEPT, ("Authorization", bearer.as_str())];
            let counted = wrk(lab.place, &url, count, TIME, &headers)?;
            add(lab, &format!("{name}, Bearer token"), server.who, &counted);
        }
    }
    head(lab, server, &path)
}

fn add(lab: &mut Lab<'_>, name: &str, who: Who, counted: &Counted) {
    let results = &mut lab.results;
    results.add(name, Unit::Requests, who, counted.rate);
    results.add(
        &format!("{name}, p50"),
        Unit::Milliseconds,
        who,
        counted.p50,
    );
    results.add(
        &format!("{name}, p99"),
        Unit::Milliseconds,
        who,
        counted.p99,
    );
}

/// HEAD by our own client: wrk waits for the body that a HEAD has not.
fn head(lab: &mut Lab<'_>, server: &Server, path: &str) -> Result<()> {
    const CONNECTIONS: usize = 32;
    let (took, times) = at_once(server.address, CONNECTIONS, |_, connection| {
        let mut times = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            let answer = connection.send(Request::new("HEAD", path, &[ACCEPT]))?;
            expect(&answer, 200, "HEAD of a manifest")?;
            times.push(answer.first_byte.as_secs_f64() * 1000.0);
        }
        Ok(times)
    })?;
    let times = times.concat();
    let name = format!("manifest HEAD by tag, {}", connections(CONNECTIONS));
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let rate = times.len() as f64 / took.as_secs_f64();
    let p99 = quantile(&times, 0.99).unwrap_or_default();
    let results = &mut lab.results;
    results.add(&name, Unit::Requests, server.who, rate);
    results.add(&format!("{name}, p99"), Unit::Milliseconds, server.who, p99);
    Ok(())
}
