//! Leases.

use async_trait::async_trait;
use berth_domain::{Lease, LeaseId, LeaseName};
use berth_ports::{LeaseStore, StoreResult};
use jiff::Timestamp;

use super::{MemoryStore, conflict};

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        gone: Option<LeaseId>,
    ) -> StoreResult<Lease> {
        let leases = &mut self.state().leases;
        let taken = lease.taken_from(leases.get(&lease.name), now, gone);
        leases.insert(lease.name.clone(), taken.clone());
        Ok(taken)
    }

    async fn lease(&self, name: &LeaseName) -> StoreResult<Option<Lease>> {
        Ok(self.state().leases.get(name).cloned())
    }

    async fn renew_lease(&self, lease: &Lease) -> StoreResult<()> {
        let leases = &mut self.state().leases;
        let held = leases.get_mut(&lease.name);
        let held = held.filter(|held| held.id == lease.id);
        *held.ok_or_else(|| conflict(&lease.name))? = lease.clone();
        Ok(())
    }

    async fn end_lease(&self, name: &LeaseName, id: LeaseId) -> StoreResult<()> {
        let leases = &mut self.state().leases;
        if leases.get(name).is_some_and(|held| held.id == id) {
            leases.remove(name);
        }
        Ok(())
    }
}
