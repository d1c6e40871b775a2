//! Following a blob that another instance fetches.
//!
//! The one who fetches serves what it has to the others, who show it to their
//! clients from a copy of their own. The request carries a token that only an
//! instance over the same stores can sign, and that is good for this one blob.

use std::collections::HashSet;
use std::time::Duration;

use berth_domain::{Lease, LeaseId, Secret, TokenAccess, TokenIdentity};
use berth_oci::{Digest, RepositoryName};
use berth_ports::{FetchedBlob, Follow, TokenRequest, UpstreamError, UpstreamResult};
use futures_util::StreamExt;
use jiff::SignedDuration;

use crate::error::{Error, Result};
use crate::proxy::copy::Copy;
use crate::proxy::fill::Fill;
use crate::served::BlobHandle;
use crate::service::Service;

/// The `aud` of the tokens that instances show each other.
const AUDIENCE: &str = "berth-instances";
/// How long one is good for: it is used at once.
const LIFETIME: Duration = Duration::from_mins(1);
/// What the tokens allow.
const KIND: &str = "fill";

/// How long it is remembered that an instance could be reached.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// How often a holder may break off before it is no longer followed.
const BREAKS: u32 = 5;
/// The wait after a break.
const PAUSE: Duration = Duration::from_millis(50);

/// How following ended.
enum Followed {
    /// All is here, and verified by the holder.
    Whole,
    /// The holder is gone.
    Gone,
    /// The holder cannot be followed from here.
    Apart,
}

impl Fill {
    /// Follows the holder of the lease, and waits until it holds it no longer.
    /// Its lease's id if it is gone.
    ///
    /// `left`: the addresses of those that this fill has found gone. Each counts
    /// once, so that two instances that cannot reach each other any more do not
    /// take turns.
    pub(super) async fn follow(
        &self,
        lease: &Lease,
        copy: &mut Copy,
        left: &mut HashSet<String>,
    ) -> Result<Option<LeaseId>> {
        let followed = match &lease.address {
            None => Followed::Apart,
            // An earlier process held it: this one holds none, or knows of it.
            Some(address) if self.service.ports.instances.address() == Some(address) => {
                Followed::Gone
            }
            Some(address) => self.copy_from(address, lease, copy).await?,
        };
        if let (Followed::Gone, Some(address)) = (followed, &lease.address)
            && left.insert(address.clone())
        {
            tracing::info!(
                repository = %self.target.repository, digest = %self.digest, lease = %lease.id,
                "the instance that fetches a blob is gone"
            );
            return Ok(Some(lease.id));
        }
        self.service.outlast(lease).await?;
        Ok(None)
    }

    async fn copy_from(&self, address: &str, lease: &Lease, copy: &mut Copy) -> Result<Followed> {
        let mut refused = 0;
        for _ in 0..BREAKS {
            let body = match self.ask(address, copy.length().unwrap_or(0)).await? {
                Ok(body) => body,
                // Once may be a connection that had been idle.
                Err(UpstreamError::Unreachable(_)) if refused == 0 && self.was_there(address) => {
                    refused += 1;
                    self.service.ports.clock.sleep(PAUSE).await;
                    continue;
                }
                Err(UpstreamError::Unreachable(_)) if refused > 0 => return Ok(Followed::Gone),
                Err(UpstreamError::Status { status: 404, .. }) => {
                    return self.forgotten(lease).await;
                }
                Err(error) => {
                    tracing::debug!(address, %error, "another instance cannot be followed");
                    return Ok(Followed::Apart);
                }
            };
            self.note_there(address);
            copy.begin(&self.service).await;
            copy.comes_from(lease.id);
            let shown = self.agreed_size(copy, &body)?.zip(copy.view());
            self.show(shown.as_ref(), false, false);
            if append_all(body, copy).await {
                self.check_copy(copy).await?;
                self.show(shown.as_ref(), false, true);
                return Ok(Followed::Whole);
            }
            if copy.length().is_none() {
                return Ok(Followed::Apart);
            }
            self.service.ports.clock.sleep(PAUSE).await;
        }
        Ok(Followed::Apart)
    }

    /// Whether the instance at this address answered a while ago: if it does
    /// not now, it is gone. One that never did may be out of our reach.
    fn was_there(&self, address: &str) -> bool {
        let there = &self.service.proxy.there;
        there.get(&address.to_owned(), self.service.now()).is_some()
    }

    fn note_there(&self, address: &str) {
        let now = self.service.now();
        let there = &self.service.proxy.there;
        there.put(address.to_owned(), now + REMEMBERED, (), now);
    }

    /// What it means that the holder knows nothing of the blob: it gives its
    /// lease back before it forgets.
    async fn forgotten(&self, lease: &Lease) -> Result<Followed> {
        let held = self.service.ports.leases.lease(&lease.name).await?;
        Ok(match held {
            Some(held) if held.id == lease.id => Followed::Gone,
            _ => Followed::Apart,
        })
    }

    async fn ask(&self, address: &str, offset: u64) -> Result<UpstreamResult<FetchedBlob>> {
        let repository = &self.target.repository;
        let wanted = Follow {
            repository: repository.clone(),
            digest: self.digest,
            offset,
            token: self.service.sign_follow(repository, self.digest).await?,
        };
        Ok(self.service.ports.instances.follow(address, &wanted).await)
    }
}

/// Adds to the copy what comes; whether all of it came.
async fn append_all(mut body: FetchedBlob, copy: &mut Copy) -> bool {
    if copy.length() != Some(body.start) {
        return false;
    }
    while let Some(chunk) = body.stream.next().await {
        match chunk {
            Ok(chunk) => copy.append(chunk).await,
            Err(error) => {
                tracing::info!(%error, "the instance that fetches a blob broke off");
                return false;
            }
        }
        if copy.length().is_none() {
            return false;
        }
    }
    body.size.is_some() && body.size == copy.length()
}

impl Service {
    /// A blob that this instance is fetching, for another that shows `token`.
    /// [`Error::BlobUnknown`] if it is not fetching it,
    /// [`Error::Unauthorized`] if the token is not for it.
    pub async fn fill_for_instance(
        &self,
        token: &str,
        repository: &RepositoryName,
        digest: Digest,
    ) -> Result<BlobHandle> {
        let identity = self.verify_for(token, AUDIENCE).await?.identity;
        if identity.access != [allowed(repository, digest)] {
            return Err(Error::Unauthorized);
        }
        let key = (repository.clone(), digest);
        let following = self.proxy.fills.running(&key);
        let following = following.ok_or(Error::BlobUnknown(digest))?;
        match following.fetched_here().await? {
            Some((filling, size)) => Ok(BlobHandle::filling(filling, size)),
            None => Err(Error::BlobUnknown(digest)),
        }
    }

    /// A token by which another instance knows that this one may follow a blob.
    pub async fn sign_follow(&self, repository: &RepositoryName, digest: Digest) -> Result<Secret> {
        let request = TokenRequest {
            identity: TokenIdentity {
                subject: String::new(),
                access: vec![allowed(repository, digest)],
                issued_at: self.now(),
            },
            audience: AUDIENCE.to_owned(),
            lifetime: LIFETIME,
        };
        let key = self.signing_key().await?;
        Ok(self.ports.secrets.sign_token(&key, &request).await?)
    }
}

fn allowed(repository: &RepositoryName, digest: Digest) -> TokenAccess {
    TokenAccess {
        kind: KIND.to_owned(),
        name: format!("{repository}@{digest}"),
        actions: vec!["pull".to_owned()],
    }
}
