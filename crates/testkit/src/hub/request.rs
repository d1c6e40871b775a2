//! The record of what was asked, and the kinds of requests there are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use berth_oci::Digest;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::watch;

use super::lock;

/// The hosts that the double plays, each on an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The registry, on 127.0.0.1.
    Registry,
    /// The CDN that blobs come from, on 127.0.0.2.
    Cdn,
    /// The token service, on 127.0.0.3.
    TokenService,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// `GET /v2/`.
    Ping,
    /// A token.
    Token,
    /// HEAD of a manifest.
    ManifestHead,
    /// GET of a manifest.
    ManifestGet,
    /// HEAD of a blob at the registry.
    BlobHead,
    /// GET of a blob at the registry.
    BlobGet,
    /// A page of tags.
    Tags,
    /// The referrers of a manifest.
    Referrers,
    /// HEAD of a blob at the CDN.
    CdnHead,
    /// GET of a blob at the CDN.
    CdnGet,
    /// Anything else.
    Other,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The host that was asked.
    pub host: Host,
    /// What was asked for.
    pub kind: RequestKind,
    /// The method.
    pub method: Method,
    /// The path as it came.
    pub path: String,
    /// The query as it came.
    pub query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// Status of the answer; none before it is given, and none if the
    /// connection was closed instead.
    pub status: Option<StatusCode>,
}

impl Request {
    /// A header's text, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether credentials came with it.
    pub fn is_authorized(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }
}

/// One line: host, method, path, status.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host {
            Host::Registry => "registry",
            Host::Cdn => "cdn",
            Host::TokenService => "token-service",
        };
        write!(formatter, "{host} {} {}", self.method, self.path)?;
        match self.status {
            Some(status) => write!(formatter, " {}", status.as_u16()),
            None => Ok(()),
        }
    }
}

/// Which record an answer belongs to; of no use once the record was emptied.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordId {
    emptied: usize,
    index: usize,
}

#[derive(Debug, Default)]
struct Records {
    emptied: usize,
    requests: Vec<Request>,
    sent: BTreeMap<Digest, u64>,
}

/// All requests since the start or since the record was last emptied.
#[derive(Debug)]
pub(super) struct Record {
    records: Mutex<Records>,
    changes: watch::Sender<()>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            records: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }

    pub(super) fn arrived(&self, request: Request) -> RecordId {
        let mut records = lock(&self.records);
        let id = RecordId {
            emptied: records.emptied,
            index: records.requests.len(),
        };
        records.requests.push(request);
        drop(records);
        self.changes.send_replace(());
        id
    }

    pub(super) fn answered(&self, id: RecordId, status: StatusCode) {
        let mut records = lock(&self.records);
        if records.emptied == id.emptied
            && let Some(request) = records.requests.get_mut(id.index)
        {
            request.status = Some(status);
        }
        drop(records);
        self.changes.send_replace(());
    }

    pub(super) fn sent(&self, digest: Digest, bytes: u64) {
        *lock(&self.records).sent.entry(digest).or_default() += bytes;
        self.changes.send_replace(());
    }

    pub(super) fn bytes_sent(&self, digest: &Digest) -> u64 {
        lock(&self.records).sent.get(digest).copied().unwrap_or(0)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.records).requests.clone()
    }

    pub(super) fn empty(&self) {
        let mut records = lock(&self.records);
        *records = Records {
            emptied: records.emptied + 1,
            ..Records::default()
        };
    }

    /// Waits until `condition` holds; it is looked at after each change.
    pub(super) async fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        let mut changes = self.changes.subscribe();
        while !condition() {
            // The sender lives in self, so the channel cannot close meanwhile.
            let _ = changes.changed().await;
        }
    }
}
