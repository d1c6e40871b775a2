//! A double of Docker Hub, and of any other registry to pull from.
//!
//! [`Hub`] listens on three loopback addresses, as three hosts: the registry on
//! 127.0.0.1, the CDN on 127.0.0.2 and the token service on 127.0.0.3, so that
//! credentials that go to the wrong host are seen. It holds what tests push
//! into it, behaves as its [`HubSettings`] say, fails as its [`Fault`]s say,
//! and keeps every [`Request`] for tests to look at.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use berth_testkit::hub::{Fault, Hub, On, RequestKind};
//! use berth_testkit::image::Image;
//!
//! let hub = Hub::start().await;
//! let image = Image::random(100_000);
//! hub.push_image("library/alpine", "latest", &image);
//! hub.fault(On::every(RequestKind::CdnGet).times(1), Fault::CutAfter(1000));
//! // ... point a cache at hub.url(), pull through it, then:
//! assert_eq!(hub.count(RequestKind::ManifestGet), 0);
//! # }
//! ```

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_oci::{Algorithm, Digest, Hasher};
use bytes::Bytes;
use http::Uri;

pub use fault::{Fault, On};
pub use gate::Gate;
pub use request::{Host, Request, RequestKind};
pub use settings::{Authentication, HubSettings, PullLimits, TokenShape};

use crate::image::{Content, Image, Index, seeded_bytes};
use body::Source;
use content::Repository;
use server::Server;
use state::{HostService, State};

mod access;
mod body;
mod cdn;
mod content;
mod fault;
mod gate;
mod registry;
mod request;
mod route;
mod server;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod token_service;

/// How long a test waits for a request before it is told what did arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running double. It stops when it is dropped.
///
/// All methods take `&self` and are seen by the next request.
#[derive(Debug)]
pub struct Hub {
    state: Arc<State>,
    registry: Server,
    cdn: Server,
    token_service: Server,
}

/// Starting and stopping.
impl Hub {
    /// Starts Docker Hub, with no content.
    ///
    /// # Panics
    ///
    /// If the loopback addresses cannot be listened on.
    pub async fn start() -> Self {
        Self::start_with(HubSettings::docker_hub()).await
    }

    /// Starts a registry with these settings, and no content.
    ///
    /// # Panics
    ///
    /// If the loopback addresses cannot be listened on.
    #[expect(
        clippy::unused_async,
        reason = "it must run inside a runtime, and says so by its type"
    )]
    pub async fn start_with(settings: HubSettings) -> Self {
        let hub = Self::reserve(settings).and_then(|hub| {
            hub.listen()?;
            Ok(hub)
        });
        must(hub)
    }

    fn reserve(settings: HubSettings) -> io::Result<Self> {
        let registry = Server::reserve(Ipv4Addr::LOCALHOST)?;
        let cdn = Server::reserve(Ipv4Addr::new(127, 0, 0, 2))?;
        let token_service = Server::reserve(Ipv4Addr::new(127, 0, 0, 3))?;
        let state = State::new(settings, cdn.address(), token_service.address());
        Ok(Self {
            state: Arc::new(state),
            registry,
            cdn,
            token_service,
        })
    }

    fn listen(&self) -> io::Result<()> {
        [Host::Registry, Host::Cdn, Host::TokenService]
            .into_iter()
            .try_for_each(|host| self.listen_as(host))
    }

    fn listen_as(&self, host: Host) -> io::Result<()> {
        let state = Arc::clone(&self.state);
        self.server(host).start(HostService { host, state })
    }

    fn server(&self, host: Host) -> &Server {
        match host {
            Host::Registry => &self.registry,
            Host::Cdn => &self.cdn,
            Host::TokenService => &self.token_service,
        }
    }

    /// Stops all hosts: connections are closed, new ones refused. Content and
    /// record stay.
    ///
    /// # Panics
    ///
    /// If a port is taken in the instant in which it is free.
    pub async fn stop(&self) {
        for host in [Host::Registry, Host::Cdn, Host::TokenService] {
            self.stop_host(host).await;
        }
    }

    /// Stops one host.
    ///
    /// # Panics
    ///
    /// As [`Hub::stop`].
    pub async fn stop_host(&self, host: Host) {
        must(self.server(host).stop().await);
    }

    /// Starts the hosts that are stopped, on the same ports.
    ///
    /// # Panics
    ///
    /// If a port cannot be listened on any more.
    #[expect(
        clippy::unused_async,
        reason = "it must run inside a runtime, and says so by its type"
    )]
    pub async fn restart(&self) {
        must(self.listen());
    }
}

/// Addresses and settings.
impl Hub {
    /// URL of the registry, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.registry.address())
    }

    /// Address of a host.
    pub fn address(&self, host: Host) -> SocketAddr {
        self.server(host).address()
    }

    /// Changes settings.
    pub fn change(&self, change: impl FnOnce(&mut HubSettings)) {
        change(&mut lock(&self.state.settings));
    }

    /// Makes every token bad that was issued so far.
    pub fn revoke_tokens(&self) {
        lock(&self.state.tokens).revoke_all();
    }

    /// How many tokens were issued since the start.
    pub fn tokens_issued(&self) -> usize {
        lock(&self.state.tokens).issued()
    }

    /// Starts a new window of the pull limits.
    pub fn forget_pulls(&self) {
        lock(&self.state.pulls).forget();
    }

    /// Makes every CDN URL bad that was handed out so far.
    pub fn expire_signed_urls(&self) {
        lock(&self.state.signed_urls).expire_all();
    }
}

/// Content.
impl Hub {
    /// Puts an image under a tag; answers its digest.
    pub fn push_image(&self, repository: &str, tag: &str, image: &Image) -> Digest {
        self.within(repository, |held| put_image(held, image));
        self.tag(repository, tag, image.digest());
        image.digest()
    }

    /// Puts an index and its images under a tag; answers its digest.
    pub fn push_index(&self, repository: &str, tag: &str, index: &Index) -> Digest {
        self.within(repository, |held| {
            for image in &index.images {
                put_image(held, image);
            }
            held.put_manifest(index.manifest.clone());
        });
        self.tag(repository, tag, index.digest());
        index.digest()
    }

    /// Puts a manifest, whatever it is and whether or not its blobs are there.
    /// It is found by the digest it says it has.
    pub fn push_manifest(&self, repository: &str, manifest: &Content) -> Digest {
        self.within(repository, |held| held.put_manifest(manifest.clone()));
        manifest.digest
    }

    /// Points a tag at a digest, held or not.
    pub fn tag(&self, repository: &str, tag: &str, digest: Digest) {
        self.within(repository, |held| held.put_tag(tag, digest));
    }

    /// Puts a blob.
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.within(repository, |held| {
            held.put_blob(digest, Source::Bytes(bytes));
        });
        digest
    }

    /// Puts a blob of `length` bytes that is never in memory as a whole: the
    /// bytes of [`seeded_bytes`].
    pub fn push_seeded_blob(&self, repository: &str, seed: u64, length: u64) -> Digest {
        const CHUNK: u64 = 1 << 20;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut start = 0;
        while start < length {
            let end = length.min(start + CHUNK);
            hasher.update(&seeded_bytes(seed, start..end));
            start = end;
        }
        let digest = hasher.finish();
        self.within(repository, |held| {
            held.put_blob(digest, Source::Seeded { seed, length });
        });
        digest
    }

    /// Deletes a tag.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        self.within_held(repository, |held| held.delete_tag(tag));
    }

    /// Deletes a manifest with its tags, or a blob.
    pub fn delete(&self, repository: &str, digest: &Digest) {
        self.within_held(repository, |held| held.delete(digest));
    }

    /// Deletes a repository with all that it holds.
    pub fn delete_repository(&self, repository: &str) {
        lock(&self.state.repositories).remove(repository);
    }

    fn within(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        let mut repositories = lock(&self.state.repositories);
        change(repositories.entry(repository.to_owned()).or_default());
    }

    fn within_held(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        if let Some(held) = lock(&self.state.repositories).get_mut(repository) {
            change(held);
        }
    }
}

/// Faults.
impl Hub {
    /// Makes requests fail from now on. Faults of different kinds add up on
    /// one request; of one kind (but headers), the oldest that is left counts.
    pub fn fault(&self, on: On, fault: Fault) {
        lock(&self.state.faults).add(on, fault);
    }

    /// Ends all faults for requests to come. What already waits at a gate waits
    /// on until that is opened.
    pub fn clear_faults(&self) {
        lock(&self.state.faults).clear();
    }
}

/// The record.
impl Hub {
    /// All requests in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.state.record.requests()
    }

    /// The requests of one kind.
    pub fn requests_of(&self, kind: RequestKind) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.kind == kind);
        requests
    }

    /// How many requests of a kind came.
    pub fn count(&self, kind: RequestKind) -> usize {
        self.requests_of(kind).len()
    }

    /// The requests as lines, for snapshots: host, method, path, status.
    pub fn log(&self) -> Vec<String> {
        self.requests().iter().map(Request::to_string).collect()
    }

    /// Bytes of a blob handed to connections, from registry and CDN together.
    /// A client that went away may have received less.
    pub fn bytes_sent(&self, digest: &Digest) -> u64 {
        self.state.record.bytes_sent(digest)
    }

    /// Empties the record: requests and bytes sent.
    pub fn clear_requests(&self) {
        self.state.record.empty();
    }

    /// Waits until `count` requests of a kind have come, answered or not.
    ///
    /// # Panics
    ///
    /// After half a minute, with the requests that did come.
    pub async fn wait_for(&self, kind: RequestKind, count: usize) {
        self.wait_until(|hub| hub.count(kind) >= count).await;
    }

    /// Waits until `condition` holds; it is looked at after each request, each
    /// answer, and each piece of a blob.
    ///
    /// # Panics
    ///
    /// After half a minute, with the requests that did come.
    pub async fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        let holds = self.state.record.wait_until(|| condition(self));
        let in_time = tokio::time::timeout(PATIENCE, holds).await.is_ok();
        assert!(
            in_time,
            "waited in vain; the requests were {:#?}",
            self.log()
        );
    }
}

fn put_image(repository: &mut Repository, image: &Image) {
    for blob in image.blobs() {
        repository.put_blob(blob.digest, Source::Bytes(blob.bytes.clone()));
    }
    repository.put_manifest(image.manifest.clone());
}

/// Locks; a test that panicked meanwhile does not matter to the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::expect_used, reason = "a test without its double must fail")]
fn must<T>(result: io::Result<T>) -> T {
    result.expect("the double listens on 127.0.0.1, 127.0.0.2 and 127.0.0.3")
}

/// All values of a query parameter, decoded.
fn query_values(uri: &Uri, key: &str) -> Vec<String> {
    let parsed = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    parsed.map_or_else(
        |_| Vec::new(),
        |pairs| {
            let wanted = pairs.0.into_iter().filter(|(name, _)| name == key);
            wanted.map(|(_, value)| value).collect()
        },
    )
}
