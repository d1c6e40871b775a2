//! Runs of maintenance and their schedules.

use async_trait::async_trait;
use berth_domain::{
    Cadence, Cron, Envelope, GcFreed, GcOptions, Page, Run, RunId, RunKind, RunStatus, RunTrigger,
    Schedule, Version,
};
use berth_ports::{RunStore, StoreError, StoreResult};
use rusqlite::{Connection, Row, params};

use super::error::{SqliteError, SqliteResult};
use super::statement::{change, one, overread, rows};
use super::value::{Json, Text, Time, column_error};
use super::{SqliteStore, outbox};

#[async_trait]
impl RunStore for SqliteStore {
    async fn create_run(&self, run: &Run, jobs: &[Envelope]) -> StoreResult<()> {
        let (run, jobs, written_at) = (run.clone(), jobs.to_vec(), self.now());
        self.write(move |connection| {
            create(connection, &run)?;
            outbox::put(connection, &jobs, written_at)
        })
        .await
    }

    async fn run(&self, kind: RunKind, id: RunId) -> StoreResult<Option<Run>> {
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM runs
                  WHERE kind = ?1 AND id = ?2",
                params![kind.as_str(), id.0],
                decode_run,
            )
        })
        .await
    }

    async fn update_run(&self, run: &Run) -> StoreResult<()> {
        let run = run.clone();
        self.write(move |connection| update(connection, &run)).await
    }

    async fn delete_run(&self, kind: RunKind, id: RunId) -> StoreResult<()> {
        self.write(move |connection| {
            change(
                connection,
                "DELETE FROM runs
                  WHERE kind = ?1 AND id = ?2",
                params![kind.as_str(), id.0],
            )?;
            Ok(())
        })
        .await
    }

    async fn list_runs(
        &self,
        kind: RunKind,
        before: Option<RunId>,
        limit: usize,
    ) -> StoreResult<Page<Run>> {
        self.read(move |connection| {
            let items = rows(
                connection,
                "SELECT *
                   FROM runs
                  WHERE kind = ?1 AND id < ?2
                  ORDER BY id DESC
                  LIMIT ?3",
                params![
                    kind.as_str(),
                    before.map_or(i64::MAX, |id| id.0),
                    overread(limit)
                ],
                decode_run,
            )?;
            Ok(Page::from_overread(items, limit))
        })
        .await
    }

    async fn schedule(&self, kind: RunKind) -> StoreResult<Option<Schedule>> {
        self.read(move |connection| {
            one(
                connection,
                "SELECT *
                   FROM schedules
                  WHERE kind = ?1",
                [kind.as_str()],
                decode_schedule,
            )
        })
        .await
    }

    async fn put_schedule(&self, schedule: &Schedule) -> StoreResult<()> {
        let schedule = schedule.clone();
        self.write(move |connection| put_schedule(connection, &schedule))
            .await
    }

    async fn delete_schedule(&self, kind: RunKind, version: Version) -> StoreResult<()> {
        self.write(move |connection| {
            let deleted = change(
                connection,
                "DELETE FROM schedules
                  WHERE kind = ?1 AND version = ?2",
                params![kind.as_str(), version.0],
            )?;
            expect_one(deleted, || format!("schedule {}", kind.as_str()))
        })
        .await
    }
}

fn create(connection: &Connection, run: &Run) -> SqliteResult<()> {
    change(
        connection,
        "INSERT INTO runs (kind, id, trigger, options, status, stop_requested, freed, log,
                           created_at, updated_at, version)
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
        params![
            run.kind.as_str(),
            run.id.0,
            Json(&run.trigger),
            Json(&run.options),
            Json(&run.status),
            run.stop_requested,
            Json(&run.freed),
            run.log,
            Time(run.created_at),
            Time(run.updated_at),
        ],
    )?;
    Ok(())
}

fn update(connection: &Connection, run: &Run) -> SqliteResult<()> {
    let version = one(
        connection,
        "SELECT version
           FROM runs
          WHERE kind = ?1 AND id = ?2",
        params![run.kind.as_str(), run.id.0],
        |row| row.get(0),
    )?;
    let what = || format!("run {}", run.id);
    match version.map(Version) {
        None => return Err(StoreError::NotFound(what()).into()),
        Some(version) if version != run.version => {
            return Err(StoreError::Conflict(what()).into());
        }
        Some(_) => {}
    }
    change(
        connection,
        "UPDATE runs
            SET options = ?1, status = ?2, stop_requested = ?3, freed = ?4, log = ?5,
                updated_at = ?6, version = version + 1
          WHERE kind = ?7 AND id = ?8",
        params![
            Json(&run.options),
            Json(&run.status),
            run.stop_requested,
            Json(&run.freed),
            run.log,
            Time(run.updated_at),
            run.kind.as_str(),
            run.id.0,
        ],
    )?;
    Ok(())
}

fn put_schedule(connection: &Connection, schedule: &Schedule) -> SqliteResult<()> {
    let version = one(
        connection,
        "SELECT version
           FROM schedules
          WHERE kind = ?1",
        [schedule.kind.as_str()],
        |row| row.get(0),
    )?;
    let as_expected = version.unwrap_or(0_u64) == schedule.version.0;
    expect_one(usize::from(as_expected), || {
        format!("schedule {}", schedule.kind.as_str())
    })?;
    change(
        connection,
        "INSERT OR REPLACE
           INTO schedules (kind, cadence, cron, options, last_at, created_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7 + 1)",
        params![
            schedule.kind.as_str(),
            schedule.cadence.as_str(),
            schedule.cron.as_str(),
            Json(&schedule.options),
            Time(schedule.last_at),
            Time(schedule.created_at),
            schedule.version.0,
        ],
    )?;
    Ok(())
}

fn expect_one(changed: usize, what: impl FnOnce() -> String) -> Result<(), SqliteError> {
    if changed == 0 {
        return Err(StoreError::Conflict(what()).into());
    }
    Ok(())
}

fn decode_kind(row: &Row<'_>) -> rusqlite::Result<RunKind> {
    let kind = row.get_ref("kind")?.as_str()?;
    RunKind::parse(kind).ok_or_else(|| column_error("no such kind of run"))
}

fn decode_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: RunId(row.get("id")?),
        kind: decode_kind(row)?,
        trigger: row.get::<_, Json<RunTrigger>>("trigger")?.0,
        options: row.get::<_, Json<GcOptions>>("options")?.0,
        status: row.get::<_, Json<RunStatus>>("status")?.0,
        stop_requested: row.get("stop_requested")?,
        freed: row.get::<_, Json<GcFreed>>("freed")?.0,
        log: row.get("log")?,
        created_at: row.get::<_, Time>("created_at")?.0,
        updated_at: row.get::<_, Time>("updated_at")?.0,
        version: Version(row.get("version")?),
    })
}

fn decode_schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    let cadence = Cadence::parse(row.get_ref("cadence")?.as_str()?);
    Ok(Schedule {
        kind: decode_kind(row)?,
        cadence: cadence.ok_or_else(|| column_error("no such cadence"))?,
        cron: row.get::<_, Text<Cron>>("cron")?.0,
        options: row.get::<_, Json<GcOptions>>("options")?.0,
        last_at: row.get::<_, Time>("last_at")?.0,
        created_at: row.get::<_, Time>("created_at")?.0,
        version: Version(row.get("version")?),
    })
}
