//! Runs of maintenance and their schedules.

use async_trait::async_trait;
use berth_domain::{Cadence, Envelope, Page, Run, RunId, RunKind, Schedule, Version};
use berth_ports::{RunStore, StoreError, StoreResult};

use super::item::json;
use super::{Condition, DynamoStore, Item, Query, Update, Write, key, outbox};

#[async_trait]
impl RunStore for DynamoStore {
    async fn create_run(&self, run: &Run, jobs: &[Envelope]) -> StoreResult<()> {
        let created = describe(Update::of(key::run(run.kind, run.id)), run)?
            .set("id", run.id.0)
            .set("kind", run.kind.as_str())
            .set("trigger", json(&run.trigger)?)
            .set("created_at", run.created_at)
            .set("version", 1_i64);
        let mut writes = vec![Write::update(created).when(Condition::absent())];
        writes.extend(outbox::writes(jobs, self.now())?);
        let done = self.table.transact(writes).await?;
        done.map_err(|_| StoreError::AlreadyExists(label(run.id)))
    }

    async fn run(&self, kind: RunKind, id: RunId) -> StoreResult<Option<Run>> {
        let item = self.table.get(&key::run(kind, id)).await?;
        item.as_ref().map(decode_run).transpose()
    }

    async fn update_run(&self, run: &Run) -> StoreResult<()> {
        let update = describe(Update::of(key::run(run.kind, run.id)), run)?.add("version", 1);
        let expected = Condition::equal("version", run.version.0);
        let done = self.table.write(Write::update(update).when(expected));
        done.await?.map_err(|refused| match refused.found {
            None => StoreError::NotFound(label(run.id)),
            Some(_) => StoreError::Conflict(label(run.id)),
        })
    }

    async fn delete_run(&self, kind: RunKind, id: RunId) -> StoreResult<()> {
        self.table.delete(&key::run(kind, id)).await
    }

    async fn list_runs(
        &self,
        kind: RunKind,
        before: Option<RunId>,
        limit: usize,
    ) -> StoreResult<Page<Run>> {
        let last = match before {
            None => i64::MAX,
            Some(before) => before.0.saturating_sub(1),
        };
        let query = Query::of(key::runs(kind)).up_to(&key::number(last));
        let page = self.table.query(&query.backwards(), limit).await?;
        Ok(Page {
            items: page
                .items
                .iter()
                .map(decode_run)
                .collect::<StoreResult<_>>()?,
            more: page.more,
        })
    }

    async fn schedule(&self, kind: RunKind) -> StoreResult<Option<Schedule>> {
        let item = self.table.get(&key::schedule(kind)).await?;
        item.as_ref().map(decode_schedule).transpose()
    }

    async fn put_schedule(&self, schedule: &Schedule) -> StoreResult<()> {
        let item = Item::new(&key::schedule(schedule.kind))
            .set("kind", schedule.kind.as_str())
            .set("cadence", schedule.cadence.as_str())
            .set("cron", schedule.cron.as_str())
            .set("options", json(&schedule.options)?)
            .set("last_at", schedule.last_at)
            .set("created_at", schedule.created_at)
            .set("version", schedule.version.next().0);
        let expected = match schedule.version {
            Version(0) => Condition::absent(),
            Version(version) => Condition::equal("version", version),
        };
        let done = self.table.write(Write::put(item).when(expected)).await?;
        done.map_err(|_| schedule_changed(schedule.kind))
    }

    async fn delete_schedule(&self, kind: RunKind, version: Version) -> StoreResult<()> {
        let expected = Condition::equal("version", version.0);
        let write = Write::delete(key::schedule(kind)).when(expected);
        let done = self.table.write(write).await?;
        done.map_err(|_| schedule_changed(kind))
    }
}

/// Sets what an update may change.
fn describe(update: Update, run: &Run) -> StoreResult<Update> {
    Ok(update
        .set("options", json(&run.options)?)
        .set("status", json(&run.status)?)
        .set("stop_requested", run.stop_requested)
        .set("freed", json(&run.freed)?)
        .set("log", &run.log)
        .set("updated_at", run.updated_at))
}

fn decode_kind(item: &Item) -> StoreResult<RunKind> {
    let kind = RunKind::parse(item.text("kind")?);
    kind.ok_or_else(|| item.damaged("kind", "there is no such kind of run"))
}

fn decode_run(item: &Item) -> StoreResult<Run> {
    Ok(Run {
        id: RunId(item.number("id")?),
        kind: decode_kind(item)?,
        trigger: item.json("trigger")?,
        options: item.json("options")?,
        status: item.json("status")?,
        stop_requested: item.flag("stop_requested")?,
        freed: item.json("freed")?,
        log: item.text("log")?.to_owned(),
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        version: Version(item.number("version")?),
    })
}

fn decode_schedule(item: &Item) -> StoreResult<Schedule> {
    let cadence = Cadence::parse(item.text("cadence")?);
    Ok(Schedule {
        kind: decode_kind(item)?,
        cadence: cadence.ok_or_else(|| item.damaged("cadence", "there is no such cadence"))?,
        cron: item.parsed("cron")?,
        options: item.json("options")?,
        last_at: item.time("last_at")?,
        created_at: item.time("created_at")?,
        version: Version(item.number("version")?),
    })
}

fn label(id: RunId) -> String {
    format!("run {id}")
}

fn schedule_changed(kind: RunKind) -> StoreError {
    StoreError::Conflict(format!("schedule {}", kind.as_str()))
}
