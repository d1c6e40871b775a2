//! Walking one use case through every fault.

use std::fmt;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_testkit::Fault;
use berth_testkit::image::Content;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::Value;

use crate::answer::Answer;
use crate::berth::Berth;
use crate::dump::{Dump, difference};
use crate::world::{PASSWORD, World};

/// A request, to be sent more than once.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) uri: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Sent {
    /// `METHOD /path`, sent by `admin`.
    pub(crate) fn new(line: &str) -> Self {
        let (method, uri) = line.split_once(' ').unwrap();
        let sent = Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        };
        sent.by("admin")
    }

    /// As [`new`](Self::new), under Harbor's base path.
    pub(crate) fn api(line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        Self::new(&format!("{method} /api/v2.0{path}"))
    }

    /// A push of a whole blob.
    pub(crate) fn blob(repository: &str, blob: &Content) -> Self {
        let line = format!(
            "POST /v2/{repository}/blobs/uploads/?digest={}",
            blob.digest
        );
        Self::new(&line).bytes(&blob.media_type, blob.bytes.clone())
    }

    /// A push of a manifest.
    pub(crate) fn manifest(repository: &str, reference: &str, manifest: &Content) -> Self {
        let line = format!("PUT /v2/{repository}/manifests/{reference}");
        Self::new(&line).bytes(&manifest.media_type, manifest.bytes.clone())
    }

    pub(crate) fn by(self, user: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{PASSWORD}"));
        self.with(AUTHORIZATION.as_str(), &format!("Basic {credentials}"))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bytes(self, media_type: &str, bytes: Bytes) -> Self {
        let length = bytes.len().to_string();
        let sent = self.with(CONTENT_TYPE.as_str(), media_type);
        Self {
            body: bytes,
            ..sent.with(CONTENT_LENGTH.as_str(), &length)
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into())
    }

    /// Whether it is a request to this route, `METHOD /path`.
    fn stands_for(&self, route: &str) -> bool {
        let (method, pattern) = route.split_once(' ').unwrap();
        let path = self.uri.split('?').next().unwrap();
        let pattern: Vec<_> = pattern.split('/').collect();
        let path: Vec<_> = path.split('/').collect();
        method == self.method && matches(&pattern, &path)
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.uri)
    }
}

/// Whether a path is of a pattern, of which `{name}` stands for several parts.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["{name}", rest @ ..], [_, path @ ..]) => matches(rest, path) || matches(pattern, path),
        ([one, pattern @ ..], [part, path @ ..]) => {
            (one == part || one.starts_with('{')) && matches(pattern, path)
        }
        _ => false,
    }
}

/// Something done to a process.
pub(crate) type Act = fn(&Berth) -> LocalBoxFuture<'_, Answer>;

#[derive(Clone, Debug)]
enum Use {
    Request(Sent),
    Other(Act),
}

impl Use {
    async fn of(&self, berth: &Berth) -> Answer {
        match self {
            Self::Request(sent) => berth.send(sent.request()).await,
            Self::Other(act) => act(berth).await,
        }
    }
}

/// One use case, and what is peculiar about it.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The line of the golden list, or the kinds of jobs.
    pub(crate) of: String,
    /// What it is, if not `of` alone.
    name: String,
    first: Use,
    again: Use,
    /// What a repeat may say of what was done already.
    repeats: &'static [u16],
    /// Client errors that a fault may become.
    refusals: &'static [u16],
    /// Whether two answers differ though both are right.
    varies: bool,
    /// Whether it is done in several steps, so that a failure leaves some.
    in_steps: bool,
    /// Whether what it keeps is only for speed.
    caches: bool,
}

impl Walk {
    /// The walk of a request that stands for `route`.
    pub(crate) fn request(route: &str, sent: Sent) -> Self {
        Self::of(route, Use::Request(sent))
    }

    /// The walk of something else.
    pub(crate) fn act(of: &str, name: &str, act: Act) -> Self {
        Self {
            name: format!("{of}, {name}"),
            ..Self::of(of, Use::Other(act))
        }
    }

    fn of(of: &str, first: Use) -> Self {
        Self {
            of: of.to_owned(),
            name: match &first {
                Use::Request(sent) => {
                    assert!(sent.stands_for(of), "{sent} is no {of}");
                    sent.to_string()
                }
                Use::Other(_) => of.to_owned(),
            },
            again: first.clone(),
            first,
            repeats: &[],
            refusals: &[],
            varies: false,
            in_steps: false,
            caches: false,
        }
    }

    pub(crate) fn again(self, act: Act) -> Self {
        Self {
            again: Use::Other(act),
            ..self
        }
    }

    pub(crate) fn repeats(self, repeats: &'static [u16]) -> Self {
        Self { repeats, ..self }
    }

    pub(crate) fn refusals(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    pub(crate) fn varies(self) -> Self {
        Self {
            varies: true,
            ..self
        }
    }

    pub(crate) fn in_steps(self) -> Self {
        Self {
            in_steps: true,
            ..self
        }
    }

    pub(crate) fn caches(self) -> Self {
        Self {
            caches: true,
            ..self
        }
    }
}

/// What was walked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) walks: usize,
    pub(crate) calls: usize,
}

/// Walks each use case through every fault.
pub(crate) async fn walk_all(world: &World, walks: Vec<Walk>) -> Figures {
    let before = world.berth().settled().await;
    let mut figures = Figures::default();
    let mut faults = Vec::new();
    for walk in walks {
        let faultless = Faultless::of(world, &walk, &before).await;
        figures.walks += 1;
        for fault in [Fault::Fails, Fault::LosesAnswer] {
            for call in 1.. {
                let berth = world.berth();
                berth.faults.strike(call, fault);
                let answer = walk.first.of(&berth).await;
                berth.idle().await;
                let Some(name) = berth.faults.stop() else {
                    break;
                };
                figures.calls += 1;
                if let Err(problem) = faultless.check(&walk, &berth, &answer).await {
                    let walk = &walk.name;
                    faults.push(format!(
                        "{walk}: call {call}, {name}, {fault:?}: {problem}\n  answer: {answer}"
                    ));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    figures
}

/// How it is without a fault.
struct Faultless<'a> {
    before: &'a Dump,
    after: Dump,
    /// After a repeat.
    repeated: Dump,
    /// And after sweeps.
    swept: Dump,
    answer: Answer,
}

impl<'a> Faultless<'a> {
    async fn of(world: &World, walk: &Walk, before: &'a Dump) -> Self {
        let berth = world.berth();
        let answer = walk.first.of(&berth).await;
        assert!(answer.is_success(), "{}: {answer}", walk.name);
        berth.idle().await;
        let after = berth.settled().await;
        walk.again.of(&berth).await;
        let repeated = berth.settled().await;
        let swept = berth.swept().await;
        let delivered = berth.delivered.lock().unwrap().clone();
        for kind in walk.of.split(", ").filter_map(|of| of.strip_prefix("job ")) {
            assert!(delivered.contains(kind), "no job {kind} was delivered");
        }
        Self {
            before,
            after,
            repeated,
            swept,
            answer,
        }
    }

    async fn check(&self, walk: &Walk, berth: &Berth, answer: &Answer) -> Result<(), String> {
        ensure(berth.faults.panics() == 0, "it panicked")?;
        self.check_answer(walk, berth, answer).await?;
        let again = walk.again.of(berth).await;
        let status = again.status;
        if status == self.answer.status {
            ensure(
                walk.varies || again.body == self.answer.body,
                "a repeat answers otherwise",
            )?;
        } else {
            let known = walk.repeats.contains(&status.as_u16());
            ensure(known, &format!("a repeat is answered {again}"))?;
        }
        berth.settle().await;
        same("after a repeat", &berth.dump().await, &self.repeated)?;
        self.check_rest(berth).await
    }

    /// The answer is clean and true, and nothing is half done.
    async fn check_answer(
        &self,
        walk: &Walk,
        berth: &Berth,
        answer: &Answer,
    ) -> Result<(), String> {
        if !walk.refusals.contains(&answer.status.as_u16())
            && let Some(fault) = answer.fault()
        {
            return Err(fault.to_owned());
        }
        let found = berth.settled().await;
        if answer.is_success() {
            let same_body = walk.varies || answer.body == self.answer.body;
            ensure(same_body, "a success with another body")?;
            ensure(
                answer.status == self.answer.status,
                "a success of another kind",
            )?;
            if walk.caches {
                return Ok(());
            }
            if let Some(location) = answer.location() {
                reachable(berth, location).await?;
            }
            return same("after a success", &found, &self.after);
        }
        if walk.in_steps || walk.caches || [self.before, &self.after].contains(&&found) {
            return Ok(());
        }
        // What was begun may be ended by a sweep.
        same("half done", &berth.swept().await, &self.swept)
    }

    /// Nothing is damaged, and nothing is left over.
    async fn check_rest(&self, berth: &Berth) -> Result<(), String> {
        let report = berth.service.fsck(&mut |_| {}).await.unwrap();
        ensure(
            report.faults.is_empty(),
            &format!("fsck: {:?}", report.faults),
        )?;
        berth.sweep().await;
        same("left over", &berth.leftovers().await, &Dump::new())?;
        same("after sweeps", &berth.dump().await, &self.swept)?;
        let report = berth.service.fsck(&mut |_| {}).await.unwrap();
        ensure(
            report.faults.is_empty(),
            &format!("fsck after sweeps: {:?}", report.faults),
        )
    }
}

async fn reachable(berth: &Berth, location: &str) -> Result<(), String> {
    let copy = berth.world.berth();
    let path = location.trim_start_matches("https://berth.test");
    let found = copy.send(Sent::new(&format!("GET {path}")).request()).await;
    let status = found.status;
    // What was deleted by the answer has no place.
    let there = status.is_success() || status == StatusCode::TEMPORARY_REDIRECT;
    ensure(
        there,
        &format!("its location is not there: {location}: {found}"),
    )
}

fn ensure(holds: bool, problem: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(problem.to_owned())
    }
}

fn same(when: &str, found: &Dump, expected: &Dump) -> Result<(), String> {
    ensure(
        found == expected,
        &format!("{when}:\n{}", difference(found, expected)),
    )
}
