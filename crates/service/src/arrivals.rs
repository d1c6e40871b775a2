//! Blobs that clients put into the store themselves: they are sent there with
//! the bytes, and what came is made visible when a pusher asks for it.
//!
//! A client that got the store's answer counts on the blob, so an arrival is
//! looked for wherever a pusher misses a blob. Its bytes may change until they
//! are adopted: only a copy out of the client's reach is hashed and linked.
//!
//! An arrival's session has one id for all its lives. So its epochs never come
//! again: each life begins with the time, and whoever prolongs it raises it.

use std::sync::Arc;

use berth_domain::{ObjectKey, UploadId, UploadSession, WriteState};
use berth_oci::{Algorithm, Digest};
use berth_ports::{Attested, StoreError};
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::links::{ATTEMPTS, contended};
use crate::service::{Service, Target};

/// How many blobs of a manifest are adopted beside each other.
const ADOPTED_AT_ONCE: usize = 4;

/// A smaller blob is not worth the requests that a redirect takes.
const SMALLEST: u64 = 1024 * 1024;

impl Service {
    /// Where a client can put the bytes of a blob instead of sending them here,
    /// for a PUT that is to bring all of them: so many, with this digest. The
    /// session ends with it. `None` where that is not for this store, blob or
    /// session, or the address is not `safe` to send the client to.
    pub async fn redirect_upload(
        &self,
        target: &Target,
        id: UploadId,
        epoch: Option<u64>,
        (digest, length): (Digest, u64),
        safe: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Option<String>> {
        let staging = &self.ports.staging;
        if !staging.is_open() || digest.algorithm() != Algorithm::Sha256 || length < SMALLEST {
            return Ok(None);
        }
        let session = match self.session(&target.repository, id).await {
            // A repeat of what succeeded, perhaps.
            Err(Error::UploadUnknown) => return Ok(None),
            session => session?,
        };
        if session.epoch != 0 || epoch.is_some_and(|epoch| epoch != 0) {
            // Others have written, or are about to.
            return Ok(None);
        }
        let arrival = self.await_arrival(target, digest, length, safe).await?;
        let Some(address) = arrival else {
            return Ok(None);
        };
        let uploads = &self.ports.uploads;
        match uploads.delete_upload(id, session.epoch, &[]).await {
            Ok(()) => Ok(Some(address)),
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the session that keeps what a client is about to put into the
    /// store, or prolongs it, and says where to put it.
    async fn await_arrival(
        &self,
        target: &Target,
        digest: Digest,
        length: u64,
        safe: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Option<String>> {
        let uploads = &self.ports.uploads;
        for _ in 0..ATTEMPTS {
            let found = self.arrival(target, digest).await?;
            let key = match &found {
                Some(session) => session.key,
                None => ObjectKey::from(self.ports.ids.fresh()),
            };
            let offer = self.ports.staging.offer(key, digest, length).await?;
            let Some(address) = offer.filter(|address| safe(address)) else {
                return Ok(None);
            };
            let kept = if let Some(UploadSession { id, epoch, .. }) = found {
                // Who is about to end it for what came before sees that.
                uploads.claim_upload(id, epoch, self.now()).await.map(drop)
            } else {
                let session = self.new_arrival(target, digest, key);
                uploads.create_upload(&session).await
            };
            match kept {
                Ok(()) => return Ok(Some(address)),
                Err(
                    StoreError::AlreadyExists(_)
                    | StoreError::Conflict(_)
                    | StoreError::NotFound(_),
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended("the upload session"))
    }

    fn new_arrival(&self, target: &Target, digest: Digest, key: ObjectKey) -> UploadSession {
        let now = self.now();
        UploadSession {
            id: arrival_id(target, digest),
            repository: target.repository.clone(),
            key,
            epoch: now.as_nanosecond().try_into().unwrap_or_default(),
            state: WriteState::new(Algorithm::Sha256),
            created_at: now,
            touched_at: now,
        }
    }

    /// Makes a blob visible that a client has put into the store itself;
    /// `false` if none has, or its bytes were others than it said, which are
    /// thrown away then. It takes as long as the store copies the blob, and is
    /// done by one request at a time.
    pub(crate) async fn settle_arrival(&self, target: &Target, digest: Digest) -> Result<bool> {
        if !self.ports.staging.is_open() || target.project.registry.is_some() {
            return Ok(false);
        }
        let Some(arrival) = self.arrival(target, digest).await? else {
            return Ok(false);
        };
        let _turn = self.adoptions.take(arrival.id).await;
        if self.revive_if_linked(target, digest).await? {
            return Ok(true);
        }
        let staged = self.ports.staging.staged(arrival.key, digest).await?;
        match staged {
            Some(_) => self.adopt(target, digest, &arrival).await,
            None => Ok(false),
        }
    }

    /// Those of a manifest's blobs that have not arrived either, in order.
    pub(crate) async fn not_arrived(
        &self,
        target: &Target,
        missing: Vec<Digest>,
    ) -> Result<Vec<Digest>> {
        let settled = missing.into_iter().map(async |digest| {
            let has_arrived = self.settle_arrival(target, digest).await?;
            Ok((!has_arrived).then_some(digest))
        });
        let settled = stream::iter(settled).buffered(ADOPTED_AT_ONCE);
        settled
            .try_filter_map(|digest| ready(Ok(digest)))
            .try_collect()
            .await
    }

    /// The same, whether or not the client waits for it.
    pub(crate) async fn settle_arrival_to_the_end(
        self: &Arc<Self>,
        target: &Target,
        digest: Digest,
    ) -> Result<bool> {
        if !self.ports.staging.is_open() {
            return Ok(false);
        }
        let (service, target) = (Arc::clone(self), target.clone());
        self.to_the_end(async move { service.settle_arrival(&target, digest).await })
            .await
    }

    /// Copies what has arrived to an object of a session of its own, and links
    /// it if it is what it should be. Whoever is cut off in between leaves that
    /// session to be swept, and the arrival to the next who asks.
    async fn adopt(
        &self,
        target: &Target,
        digest: Digest,
        arrival: &UploadSession,
    ) -> Result<bool> {
        let repository = &target.repository;
        let own = self
            .open_durable_session(repository, Algorithm::Sha256)
            .await?;
        let owner = (own.id, own.epoch);
        let adopted = self.ports.staging.adopt(arrival.key, digest, own.key).await;
        let Attested {
            size,
            digest: actual,
        } = match adopted {
            // Another instance was faster.
            Err(StoreError::NotFound(_)) => {
                self.end_session_with_object(owner, own.key).await?;
                return self.revive_if_linked(target, digest).await;
            }
            adopted => adopted?,
        };
        let is_right = actual == digest;
        if is_right {
            let link = self.prepare_link(repository, digest).await?;
            self.link_object(target, digest, own.key, size, owner, link)
                .await?;
        } else {
            tracing::warn!(%repository, %digest, %actual, "a client put other bytes into the store than it said");
            self.end_session_with_object(owner, own.key).await?;
        }
        self.end_session_with_object((arrival.id, arrival.epoch), arrival.key)
            .await?;
        Ok(is_right)
    }

    /// Ends what may be left of a blob's arrival: it is not to come back.
    pub(crate) async fn forget_arrival(&self, target: &Target, digest: Digest) -> Result<()> {
        if self.ports.staging.is_open()
            && let Some(arrival) = self.arrival(target, digest).await?
        {
            self.end_session_with_object((arrival.id, arrival.epoch), arrival.key)
                .await?;
        }
        Ok(())
    }

    async fn arrival(&self, target: &Target, digest: Digest) -> Result<Option<UploadSession>> {
        let id = arrival_id(target, digest);
        Ok(self.ports.uploads.upload(id).await?)
    }
}

fn arrival_id(target: &Target, digest: Digest) -> UploadId {
    UploadId::of_arrival(target.project.id, &target.repository, digest)
}
