//! Leases, in memory: only the process that holds the folder's lock fetches
//! anything, and whoever waits for its work waits in the same process. What a
//! lease stands for ends with the process, so on disk it would only cost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use berth_domain::{Lease, LeaseId, LeaseName};
use berth_ports::{LeaseStore, StoreError, StoreResult};
use jiff::Timestamp;

use super::SqliteStore;

/// The leases of this process, without those that are to be forgotten.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<BTreeMap<LeaseName, Lease>>);

impl SqliteStore {
    fn leases(&self) -> MutexGuard<'_, BTreeMap<LeaseName, Lease>> {
        let leases = self.inner.leases.0.lock();
        leases.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        gone: Option<LeaseId>,
    ) -> StoreResult<Lease> {
        let mut leases = self.leases();
        // As many as there are fetches under way, and those that failed to end
        // theirs.
        leases.retain(|_, held| now < held.forgotten_at());
        let taken = lease.taken_from(leases.get(&lease.name), now, gone);
        leases.insert(lease.name.clone(), taken.clone());
        Ok(taken)
    }

    async fn lease(&self, name: &LeaseName) -> StoreResult<Option<Lease>> {
        Ok(self.leases().get(name).cloned())
    }

    async fn renew_lease(&self, lease: &Lease) -> StoreResult<()> {
        match self.leases().get_mut(&lease.name) {
            Some(held) if held.id == lease.id => {
                *held = lease.clone();
                Ok(())
            }
            _ => Err(StoreError::Conflict(format!("lease {}", lease.name))),
        }
    }

    async fn end_lease(&self, name: &LeaseName, id: LeaseId) -> StoreResult<()> {
        let mut leases = self.leases();
        if leases.get(name).is_some_and(|held| held.id == id) {
            leases.remove(name);
        }
        Ok(())
    }
}
