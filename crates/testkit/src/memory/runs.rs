//! Runs and schedules.

use async_trait::async_trait;
use berth_domain::{Envelope, Page, Run, RunId, RunKind, Schedule, Version};
use berth_ports::{RunStore, StoreResult};

use super::{MemoryStore, conflict, ensure, not_found, page};

#[async_trait]
impl RunStore for MemoryStore {
    async fn create_run(&self, run: &Run, jobs: &[Envelope]) -> StoreResult<()> {
        let mut state = self.state();
        let stored = Run {
            version: Version(1),
            ..run.clone()
        };
        state.runs.insert((run.kind, run.id), stored);
        state.send(jobs, self.clock.now());
        Ok(())
    }

    async fn run(&self, kind: RunKind, id: RunId) -> StoreResult<Option<Run>> {
        Ok(self.state().runs.get(&(kind, id)).cloned())
    }

    async fn update_run(&self, run: &Run) -> StoreResult<()> {
        let mut state = self.state();
        let stored = state.runs.get_mut(&(run.kind, run.id));
        let stored = stored.ok_or_else(|| not_found(&run.id))?;
        ensure(stored.version == run.version, || conflict(&run.id))?;
        *stored = Run {
            trigger: stored.trigger,
            created_at: stored.created_at,
            version: run.version.next(),
            ..run.clone()
        };
        Ok(())
    }

    async fn delete_run(&self, kind: RunKind, id: RunId) -> StoreResult<()> {
        self.state().runs.remove(&(kind, id));
        Ok(())
    }

    async fn list_runs(
        &self,
        kind: RunKind,
        before: Option<RunId>,
        limit: usize,
    ) -> StoreResult<Page<Run>> {
        let state = self.state();
        let earlier = state
            .runs
            .values()
            .rev()
            .filter(|run| run.kind == kind && before.is_none_or(|before| run.id < before));
        Ok(page(earlier.cloned(), limit))
    }

    async fn schedule(&self, kind: RunKind) -> StoreResult<Option<Schedule>> {
        Ok(self.state().schedules.get(&kind).cloned())
    }

    async fn put_schedule(&self, schedule: &Schedule) -> StoreResult<()> {
        let mut state = self.state();
        let found = state.schedules.get(&schedule.kind);
        let version = found.map_or(Version(0), |found| found.version);
        ensure(version == schedule.version, || {
            conflict(&schedule.kind.as_str())
        })?;
        let stored = Schedule {
            version: version.next(),
            ..schedule.clone()
        };
        state.schedules.insert(schedule.kind, stored);
        Ok(())
    }

    async fn delete_schedule(&self, kind: RunKind, version: Version) -> StoreResult<()> {
        let mut state = self.state();
        let found = state.schedules.get(&kind).map(|found| found.version);
        ensure(found == Some(version), || conflict(&kind.as_str()))?;
        state.schedules.remove(&kind);
        Ok(())
    }
}
