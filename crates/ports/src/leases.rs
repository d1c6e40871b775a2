//! Leases.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{Lease, LeaseId, LeaseName};
use jiff::Timestamp;

use crate::StoreResult;

/// Leases that all instances over one store see. Where there is only one
/// instance, they may be in its memory.
///
/// # Contract
/// Each method is one atomic transition; reads are strong. A lease that nobody
/// ended or took may be forgotten at [`Lease::forgotten_at`].
#[async_trait]
pub trait LeaseStore: Debug + Send + Sync + 'static {
    /// Takes a lease, unless another is held under its name at `now`, other
    /// than one of the id `gone`: see [`Lease::may_be_taken`]. Returns the
    /// lease that is held then, `lease` itself if its id is the same. Its
    /// `upload` is what it was, none at first: that of `lease` is not looked at.
    async fn take_lease(
        &self,
        lease: &Lease,
        now: Timestamp,
        gone: Option<LeaseId>,
    ) -> StoreResult<Lease>;

    /// The lease of this name, expired or not.
    async fn lease(&self, name: &LeaseName) -> StoreResult<Option<Lease>>;

    /// Stores `address`, `upload` and `expires_at` if the lease of this name
    /// has still the same id, else `Conflict`, also if there is none.
    async fn renew_lease(&self, lease: &Lease) -> StoreResult<()>;

    /// Forgets a lease if it has still this id; else nothing happens, and that
    /// is no error.
    async fn end_lease(&self, name: &LeaseName, id: LeaseId) -> StoreResult<()>;
}
