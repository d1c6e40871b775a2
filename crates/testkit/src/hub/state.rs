//! What the hosts share, and how each request is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use berth_oci::Digest;
use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::Value;

use super::access::{Pulls, Tokens};
use super::body::{Asked, Reply, Source};
use super::cdn::{self, SignedUrls};
use super::content::Repository;
use super::fault::{Fault, Faults};
use super::request::{self, Host, Record};
use super::route::Route;
use super::server::{Answer, Connection};
use super::settings::{Authentication, HubSettings};
use super::{lock, registry, token_service};
use crate::image::Content;

/// What the hosts share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Mutex<HubSettings>,
    pub(super) repositories: Mutex<BTreeMap<String, Repository>>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) pulls: Mutex<Pulls>,
    pub(super) signed_urls: Mutex<SignedUrls>,
    pub(super) faults: Mutex<Faults>,
    pub(super) record: Arc<Record>,
    cdn: SocketAddr,
    token_service: SocketAddr,
}

impl State {
    pub(super) fn new(settings: HubSettings, cdn: SocketAddr, token_service: SocketAddr) -> Self {
        Self {
            settings: Mutex::new(settings),
            repositories: Mutex::default(),
            tokens: Mutex::default(),
            pulls: Mutex::default(),
            signed_urls: Mutex::default(),
            faults: Mutex::default(),
            record: Arc::new(Record::new()),
            cdn,
            token_service,
        }
    }

    pub(super) fn settings(&self) -> HubSettings {
        lock(&self.settings).clone()
    }

    pub(super) fn token_url(&self) -> String {
        format!("http://{}/token", self.token_service)
    }

    pub(super) fn cdn_url(&self) -> String {
        format!("http://{}", self.cdn)
    }

    pub(super) fn has(&self, repository: &str) -> bool {
        lock(&self.repositories).contains_key(repository)
    }

    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Option<Content> {
        lock(&self.repositories)
            .get(repository)?
            .manifest(reference)
            .cloned()
    }

    pub(super) fn blob(&self, repository: &str, digest: &Digest) -> Option<Source> {
        lock(&self.repositories)
            .get(repository)?
            .blob(digest)
            .cloned()
    }

    /// A page of tags, and whether there are more; none without a repository.
    pub(super) fn tags(
        &self,
        repository: &str,
        last: &str,
        count: usize,
    ) -> Option<(Vec<String>, bool)> {
        let repositories = lock(&self.repositories);
        let (page, more) = repositories.get(repository)?.tags(last, count);
        Some((page.into_iter().map(str::to_owned).collect(), more))
    }

    pub(super) fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Option<Value> {
        let repositories = lock(&self.repositories);
        let repository = repositories.get(repository)?;
        Some(repository.referrers(subject, artifact_type))
    }
}

/// One of the hosts.
#[derive(Clone, Debug)]
pub(super) struct HostService {
    pub(super) host: Host,
    pub(super) state: Arc<State>,
}

impl Answer for HostService {
    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Option<Response<Body>> {
        let state = &self.state;
        let route = Route::of(self.host, request.method(), request.uri().path());
        let kind = route.kind(request.method());
        let faults = lock(&state.faults).meet(kind, request.uri().path());
        let record = state.record.arrived(request::Request {
            host: self.host,
            kind,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: request.headers().clone(),
            status: None,
        });
        for fault in &faults {
            match fault {
                Fault::Hold(gate) => gate.pass().await,
                Fault::Close => return None,
                _ => {}
            }
        }
        let reply = self.replaced(&faults, &route);
        let reply = reply.unwrap_or_else(|| self.reply(&route, &request));
        state.record.answered(record, reply.status);
        let asked = Asked {
            method: request.method(),
            headers: request.headers(),
            chunk_size: state.settings().chunk_size,
        };
        Some(reply.spoil(faults, &asked, connection, Arc::clone(&state.record)))
    }
}

impl HostService {
    /// The answer that a fault gives instead of the true one.
    fn replaced(&self, faults: &[Fault], route: &Route<'_>) -> Option<Reply> {
        faults.iter().find_map(|fault| match fault {
            Fault::Answer {
                status,
                headers,
                body,
            } => Some(Reply::new(*status, body.clone()).headers(headers.clone())),
            Fault::Unauthorized => {
                let why = Some("invalid_token");
                Some(registry::challenge(&self.state, route.repository(), why))
            }
            _ => None,
        })
    }

    fn reply(&self, route: &Route<'_>, request: &Request<Incoming>) -> Reply {
        let state = &self.state;
        let bearer = state.settings().authentication == Authentication::Bearer;
        match (self.host, route) {
            (Host::TokenService, Route::Token) if bearer => token_service::token(state, request),
            (Host::TokenService, _) => registry::page_not_found(),
            (Host::Cdn, _) => cdn::object(state, request),
            (Host::Registry, _) => registry::answer(state, route, request),
        }
    }
}
