//! Answers and their bodies, and what faults make of them.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use berth_oci::Digest;
use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use super::fault::Fault;
use super::gate::Gate;
use super::request::Record;
use super::server::Connection;
use crate::image::{archive, seeded_bytes};

/// Where bytes come from: memory, or a seed where they are too many for it.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Bytes(Bytes),
    Seeded { seed: u64, length: u64 },
}

impl Source {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Seeded { length, .. } => *length,
        }
    }

    pub(super) fn read(&self, range: Range<u64>) -> Bytes {
        match self {
            Self::Bytes(bytes) => {
                let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
                bytes.slice(at(range.start)..at(range.end))
            }
            Self::Seeded { seed, .. } => seeded_bytes(*seed, range),
        }
    }
}

/// An answer before faults: status, headers, and a range of bytes.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    source: Source,
    range: Range<u64>,
    /// The blob whose sent bytes are counted.
    blob: Option<Digest>,
}

impl Reply {
    pub(super) fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: HeaderMap::new(),
            range: 0..body.len() as u64,
            source: Source::Bytes(body),
            blob: None,
        }
    }

    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, body.to_string()).header(CONTENT_TYPE, "application/json")
    }

    /// A range of a blob.
    pub(super) fn blob(
        status: StatusCode,
        digest: Digest,
        source: Source,
        range: Range<u64>,
    ) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            source,
            range,
            blob: Some(digest),
        }
    }

    /// Adds a header. A value that is no header value is left out.
    pub(super) fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Turns the answer into what goes out, spoilt by `faults`.
    pub(super) fn spoil(
        mut self,
        faults: Vec<Fault>,
        asked: &Asked<'_>,
        connection: Connection,
        record: Arc<Record>,
    ) -> Response<Body> {
        let mut stated = None;
        let mut sending = Sending {
            wrong_at: None,
            gate: None,
            cut: false,
            chunk_size: asked.chunk_size as u64,
            connection,
            record,
            next: 0,
            reply: None,
        };
        if asked.accepts_gzip() && faults.iter().any(|fault| matches!(fault, Fault::Gzip)) {
            self.compress();
        }
        let mut header_faults = Vec::new();
        for fault in faults {
            match fault {
                Fault::Header(name, value) => header_faults.push((name, value)),
                Fault::WrongBytes => {
                    sending.wrong_at = Some(self.range.start + self.length() / 2);
                }
                Fault::ContentLength(length) => stated = Some(length),
                Fault::CutAfter(length) => {
                    stated = stated.or(Some(self.length()));
                    self.shorten(length);
                    sending.cut = true;
                }
                Fault::Slow(gate) => sending.gate = Some(gate),
                _ => {}
            }
        }
        let length = stated.unwrap_or(self.length());
        self.shorten(length);
        sending.cut |= length > self.length();

        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = std::mem::take(&mut self.headers);
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, length.into());
        for (name, value) in header_faults {
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        }
        if asked.method != Method::HEAD && length > 0 {
            sending.next = self.range.start;
            sending.reply = Some(self);
            *response.body_mut() = sending.into_body();
        }
        response
    }

    fn length(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn shorten(&mut self, length: u64) {
        self.range.end = self.range.end.min(self.range.start.saturating_add(length));
    }

    fn compress(&mut self) {
        let compressed = archive::gzip(&self.source.read(self.range.clone()));
        self.range = 0..compressed.len() as u64;
        self.source = Source::Bytes(compressed.into());
        self.headers
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// What of the request the answer's form depends on.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) chunk_size: usize,
}

impl Asked<'_> {
    fn accepts_gzip(&self) -> bool {
        self.headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.contains("gzip"))
    }
}

/// A body on its way.
struct Sending {
    reply: Option<Reply>,
    next: u64,
    wrong_at: Option<u64>,
    gate: Option<Gate>,
    cut: bool,
    chunk_size: u64,
    connection: Connection,
    record: Arc<Record>,
}

impl Sending {
    fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut sending| async move {
            let chunk = sending.next_chunk().await?;
            Some((chunk, sending))
        }))
    }

    async fn next_chunk(&mut self) -> Option<io::Result<Bytes>> {
        let reply = self.reply.as_ref()?;
        let range = self.next..reply.range.end.min(self.next + self.chunk_size);
        if range.is_empty() {
            self.reply = None;
            return if self.cut {
                Some(Err(self.cut().await))
            } else {
                None
            };
        }
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        let mut chunk = reply.source.read(range.clone());
        if let Some(wrong_at) = self.wrong_at
            && range.contains(&wrong_at)
        {
            chunk = flip(&chunk, wrong_at - range.start);
        }
        if let Some(digest) = reply.blob {
            self.record.sent(digest, range.end - range.start);
        }
        self.next = range.end;
        Some(Ok(chunk))
    }

    /// The error that makes hyper close the connection, once all that was
    /// handed to it has gone out.
    async fn cut(&self) -> io::Error {
        self.connection.flushed().await;
        io::Error::other("cut by a fault")
    }
}

fn flip(chunk: &Bytes, offset: u64) -> Bytes {
    let mut bytes = chunk.to_vec();
    if let Some(byte) = usize::try_from(offset)
        .ok()
        .and_then(|offset| bytes.get_mut(offset))
    {
        *byte ^= 1;
    }
    bytes.into()
}
