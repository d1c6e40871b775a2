//! Runs of maintenance and their schedules.

use std::fmt::Debug;

use async_trait::async_trait;
use berth_domain::{Envelope, Page, Run, RunId, RunKind, Schedule, Version};

use crate::StoreResult;

/// Runs and schedules.
///
/// # Contract
/// Each method is one atomic transition; reads are strong; versions as in
/// [`ProjectStore`](crate::ProjectStore).
#[async_trait]
pub trait RunStore: Debug + Send + Sync + 'static {
    /// Stores a new run, with `jobs` for the outbox.
    async fn create_run(&self, run: &Run, jobs: &[Envelope]) -> StoreResult<()>;

    /// The run.
    async fn run(&self, kind: RunKind, id: RunId) -> StoreResult<Option<Run>>;

    /// Replaces all but number, kind, trigger and `created_at`, if it is still
    /// at `run.version`, else `Conflict`; `NotFound` if it is gone.
    async fn update_run(&self, run: &Run) -> StoreResult<()>;

    /// Forgets a run; one that is not there is no error.
    async fn delete_run(&self, kind: RunKind, id: RunId) -> StoreResult<()>;

    /// Runs of a kind, the latest first, before `before`, at most `limit` (up
    /// to 1,000).
    async fn list_runs(
        &self,
        kind: RunKind,
        before: Option<RunId>,
        limit: usize,
    ) -> StoreResult<Page<Run>>;

    /// The schedule of a kind.
    async fn schedule(&self, kind: RunKind) -> StoreResult<Option<Schedule>>;

    /// Stores a schedule if the one that is there has `schedule.version`, 0
    /// standing for none; else `Conflict`.
    async fn put_schedule(&self, schedule: &Schedule) -> StoreResult<()>;

    /// Deletes a schedule if it is at `version`, else `Conflict`.
    async fn delete_schedule(&self, kind: RunKind, version: Version) -> StoreResult<()>;
}
