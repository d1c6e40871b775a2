//! What goes wrong, and on which requests.

use std::mem::discriminant;

use berth_oci::Digest;
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::gate::Gate;
use super::request::RequestKind;

/// Something that goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The answer is replaced by this one. See [`Fault::status`].
    Answer {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// Its body.
        body: String,
    },
    /// 401 with the challenge, however good the token or password is. From a
    /// host that has no challenge, 401 alone.
    Unauthorized,
    /// The connection is closed without an answer.
    Close,
    /// A brown-out: the request is read, and answered when the gate lets it
    /// through.
    Hold(Gate),
    /// The body goes out chunk by chunk, each let through by the gate.
    Slow(Gate),
    /// The connection is closed after so many bytes of the body, all of which
    /// arrive.
    CutAfter(u64),
    /// One byte of the body, the middle one, is not what it should be.
    WrongBytes,
    /// `Content-Length` says this: the body ends there if it is longer; if it
    /// is shorter, the connection is closed after it.
    ContentLength(u64),
    /// This header has this value, or is missing.
    Header(HeaderName, Option<HeaderValue>),
    /// The body is compressed, if the client's `Accept-Encoding` allows gzip.
    Gzip,
}

impl Fault {
    /// An answer of this status with a short body. 429 says to come back
    /// after a second.
    pub fn status(status: StatusCode) -> Self {
        let mut headers = HeaderMap::new();
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Self::Answer {
            status,
            headers,
            body: format!("{status}\n"),
        }
    }

    /// A header with another value than the true one, for instance
    /// `docker-content-digest`.
    pub fn header(name: HeaderName, value: HeaderValue) -> Self {
        Self::Header(name, Some(value))
    }

    /// A header left out.
    pub fn without_header(name: HeaderName) -> Self {
        Self::Header(name, None)
    }

    /// Whether several of the kind make sense for one answer.
    fn adds_up(&self) -> bool {
        matches!(self, Self::Header(..))
    }
}

/// The requests that a fault meets.
#[derive(Clone, Debug)]
pub struct On {
    kind: Option<RequestKind>,
    containing: Option<String>,
    skip: usize,
    times: Option<usize>,
}

impl On {
    /// Every request to every host.
    pub fn any() -> Self {
        Self {
            kind: None,
            containing: None,
            skip: 0,
            times: None,
        }
    }

    /// Every request of a kind.
    pub fn every(kind: RequestKind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::any()
        }
    }

    /// Only those whose path contains `text`.
    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into());
        self
    }

    /// Only those whose path names this digest, at the registry or the CDN.
    #[must_use]
    pub fn digest(self, digest: &Digest) -> Self {
        self.containing(digest.hex())
    }

    /// Not the first `count` of them.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Only the next `count` of them; all, unless said.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    fn matches(&self, kind: RequestKind, path: &str) -> bool {
        self.times != Some(0)
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self
                .containing
                .as_ref()
                .is_none_or(|text| path.contains(text))
    }
}

/// The faults that are switched on, in the order in which they were.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(On, Fault)>);

impl Faults {
    pub(super) fn add(&mut self, on: On, fault: Fault) {
        self.0.push((on, fault));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that this request meets: of each kind the oldest one that is
    /// left, so that faults of one kind follow one another.
    pub(super) fn meet(&mut self, kind: RequestKind, path: &str) -> Vec<Fault> {
        let mut met: Vec<Fault> = Vec::new();
        for (on, fault) in &mut self.0 {
            let taken = met
                .iter()
                .any(|other| discriminant(other) == discriminant(fault) && !fault.adds_up());
            if taken || !on.matches(kind, path) {
                continue;
            }
            if on.skip > 0 {
                on.skip -= 1;
                continue;
            }
            if let Some(times) = &mut on.times {
                *times -= 1;
            }
            met.push(fault.clone());
        }
        met
    }
}
