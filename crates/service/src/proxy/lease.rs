//! Leases on what is fetched: one instance fetches it, the others wait.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use berth_domain::{Lease, LeaseId, LeaseName, UploadId};
use berth_ports::StoreError;
use futures_util::future::{Either, select};
use jiff::SignedDuration;
use tokio::sync::Mutex;

use crate::error::Result;
use crate::service::Service;

/// How long a lease is held without a sign of its holder. Clocks may differ by
/// the rest of it after a renewal.
const LIFETIME: SignedDuration = SignedDuration::from_secs(15);
/// How often its holder renews it.
const RENEWAL: Duration = Duration::from_secs(5);
/// How often it is tried to give one back before it is left to expire.
const TRIES: usize = 3;
/// How soon those who wait for its end look first; then half as often each
/// time,
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// but as often as this.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How many looks in a row may fail.
const FAILED_LOOKS: u32 = 10;

/// Whose a lease is.
pub(super) enum Taken {
    /// This task's.
    Ours(Tenure),
    /// Another's.
    Theirs(Lease),
}

/// A lease that this task holds. It expires by itself if it is dropped.
pub(super) struct Tenure {
    service: Arc<Service>,
    name: LeaseName,
    id: LeaseId,
    /// The session that an earlier holder worked in.
    left: Option<UploadId>,
    /// As it was renewed last. Locked while it is renewed.
    lease: Mutex<Lease>,
}

impl Service {
    /// Takes a lease, if need be from the holder `gone`.
    pub(super) async fn take_lease(
        self: &Arc<Self>,
        name: &LeaseName,
        gone: Option<LeaseId>,
    ) -> Result<Taken> {
        let now = self.now();
        let wanted = Lease {
            name: name.clone(),
            id: LeaseId::from(self.ports.ids.fresh()),
            address: self.ports.instances.address().map(str::to_owned),
            upload: None,
            expires_at: now + LIFETIME,
        };
        let held = match self.ports.leases.take_lease(&wanted, now, gone).await {
            Ok(held) => held,
            Err(error) => {
                // It may be taken all the same, and others would wait for it.
                self.give_back(name, wanted.id).await;
                return Err(error.into());
            }
        };
        if held.id != wanted.id {
            return Ok(Taken::Theirs(held));
        }
        Ok(Taken::Ours(Tenure {
            service: Arc::clone(self),
            name: held.name.clone(),
            id: held.id,
            left: held.upload,
            lease: Mutex::new(held),
        }))
    }

    /// Ends a lease that this task may hold. If that fails it expires.
    async fn give_back(&self, name: &LeaseName, id: LeaseId) {
        for _ in 0..TRIES {
            match self.ports.leases.end_lease(name, id).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(lease = %name, %error, "lease not given back yet"),
            }
            self.ports.clock.sleep(FIRST_LOOK).await;
        }
    }

    /// Waits until another's lease has ended, changed hands or expired.
    pub(super) async fn outlast(&self, lease: &Lease) -> Result<()> {
        let (mut pause, mut failures) = (FIRST_LOOK, 0);
        loop {
            self.ports.clock.sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
            match self.ports.leases.lease(&lease.name).await {
                Ok(Some(held)) if held.id == lease.id && !held.may_be_taken(self.now(), None) => {
                    failures = 0;
                }
                Ok(_) => return Ok(()),
                Err(error) if failures == FAILED_LOOKS => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(lease = %lease.name, %error, "a lease cannot be looked at yet");
                    failures += 1;
                }
            }
        }
    }
}

impl Tenure {
    /// Which time it is held.
    pub(super) const fn id(&self) -> LeaseId {
        self.id
    }

    /// The session that an earlier holder worked in.
    pub(super) const fn left(&self) -> Option<UploadId> {
        self.left
    }

    /// Says which session the work is kept in; `false` if the lease is lost.
    pub(super) async fn announce(&self, upload: UploadId) -> Result<bool> {
        let mut lease = self.lease.lock().await;
        lease.upload = Some(upload);
        self.renew(&mut lease).await
    }

    /// Does some work, and holds the lease meanwhile. `None` if it was lost
    /// before the work was done, which is left undone then.
    pub(super) async fn during<T>(
        &self,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<Option<T>> {
        match select(pin!(work), pin!(self.keep())).await {
            Either::Left((done, _)) => done.map(Some),
            Either::Right(((), _)) => Ok(None),
        }
    }

    /// Gives the lease back.
    pub(super) async fn end(self) {
        self.service.give_back(&self.name, self.id).await;
    }

    /// Renews the lease until it is lost.
    async fn keep(&self) {
        loop {
            self.service.ports.clock.sleep(RENEWAL).await;
            let mut lease = self.lease.lock().await;
            match self.renew(&mut lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(lease = %self.name, %error, "lease not renewed yet");
                    if lease.may_be_taken(self.service.now(), None) {
                        return;
                    }
                }
            }
        }
    }

    async fn renew(&self, lease: &mut Lease) -> Result<bool> {
        let renewed = Lease {
            expires_at: self.service.now() + LIFETIME,
            ..lease.clone()
        };
        match self.service.ports.leases.renew_lease(&renewed).await {
            Ok(()) => {
                *lease = renewed;
                Ok(true)
            }
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
