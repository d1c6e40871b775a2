//! Garbage collections that somebody or the schedule starts, with their
//! history and logs, as Harbor's API has them. The sweep that goes on all the
//! time is not among them.

use std::ops::ControlFlow;
use std::time::Duration;

use berth_domain::{
    Cadence, Cron, GcFreed, GcOptions, Job, Run, RunId, RunKind, RunStatus, RunTrigger, Schedule,
    Sequence, Version,
};
use berth_oci::{Digest, RepositoryName};
use berth_ports::StoreError;
use jiff::SignedDuration;

use super::{Look, Preview, Swept};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::walk::{PAGE, walk};

const KIND: RunKind = RunKind::GarbageCollection;

/// Runs that are kept; the oldest go. As in Harbor.
const KEPT_RUNS: usize = 50;

/// One job of a run takes no longer; another one goes on.
const STEP: SignedDuration = SignedDuration::from_mins(4);

/// How often a run looks whether it is to stop.
const SLICE: SignedDuration = SignedDuration::from_secs(5);

/// Tries to write a run that others write too.
const ATTEMPTS: usize = 8;

/// Whether a run needs another job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ended(RunStatus),
    GoOn,
}

impl Service {
    /// Starts a garbage collection: its job is on the way when this returns.
    pub async fn start_gc(&self, trigger: RunTrigger, options: GcOptions) -> Result<RunId> {
        let id = RunId(self.ports.sequences.next(Sequence::Run).await?);
        let now = self.now();
        let run = Run {
            id,
            kind: KIND,
            trigger,
            options,
            status: RunStatus::Pending,
            stop_requested: false,
            freed: GcFreed::default(),
            log: String::new(),
            created_at: now,
            updated_at: now,
            version: Version::default(),
        };
        let jobs = vec![self.envelope(Job::CollectGarbage { run: id })];
        self.ports.runs.create_run(&run, &jobs).await?;
        self.send_soon(jobs);
        self.forget_old_runs().await?;
        Ok(id)
    }

    /// How long what nothing names stays.
    pub fn gc_grace(&self) -> Duration {
        self.settings.grace
    }

    /// The latest runs, up to those that are kept.
    pub async fn gc_runs(&self) -> Result<Vec<Run>> {
        let runs = &self.ports.runs;
        walk(
            |before| runs.list_runs(KIND, before, PAGE),
            |run: &Run| run.id,
        )
        .await
    }

    /// The run; [`Error::NotFound`] if there is none.
    pub async fn gc_run(&self, id: RunId) -> Result<Run> {
        let run = self.ports.runs.run(KIND, id).await?;
        run.ok_or_else(|| Error::NotFound(format!("garbage collection {id}")))
    }

    /// Asks a run to stop; one that has ended stays as it is.
    pub async fn stop_gc(&self, id: RunId) -> Result<()> {
        self.change_run(id, |run| {
            run.stop_requested = true;
            if run.status == RunStatus::Pending {
                run.status = RunStatus::Stopped;
            }
        })
        .await?;
        Ok(())
    }

    /// When garbage collections start by themselves.
    pub async fn gc_schedule(&self) -> Result<Option<Schedule>> {
        Ok(self.ports.runs.schedule(KIND).await?)
    }

    /// Sets the schedule, or takes it away.
    pub async fn set_gc_schedule(&self, new: Option<(Cadence, Cron, GcOptions)>) -> Result<()> {
        let runs = &self.ports.runs;
        let old = runs.schedule(KIND).await?;
        let version = old.as_ref().map_or(Version::default(), |old| old.version);
        match new {
            Some((cadence, cron, options)) => {
                let now = self.now();
                let schedule = Schedule {
                    kind: KIND,
                    cadence,
                    cron,
                    options,
                    last_at: now,
                    created_at: now,
                    version,
                };
                Ok(runs.put_schedule(&schedule).await?)
            }
            None if old.is_some() => Ok(runs.delete_schedule(KIND, version).await?),
            None => Ok(()),
        }
    }

    /// Starts what the schedule has due; of many that ask at once, one does.
    pub async fn start_scheduled_gc(&self) -> Result<Option<RunId>> {
        let Some(schedule) = self.ports.runs.schedule(KIND).await? else {
            return Ok(None);
        };
        let now = self.now();
        let due = schedule.cron.next(schedule.last_at);
        if due.is_none_or(|due| due > now) {
            return Ok(None);
        }
        let options = schedule.options;
        let started = Schedule {
            last_at: now,
            ..schedule
        };
        match self.ports.runs.put_schedule(&started).await {
            Ok(()) => Ok(Some(self.start_gc(RunTrigger::Schedule, options).await?)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Does a run, or a few minutes of it. Doing one again that has ended does
    /// nothing.
    pub async fn collect_garbage(&self, id: RunId) -> Result<()> {
        let begun = self
            .change_run(id, |run| {
                if run.status == RunStatus::Pending {
                    run.status = RunStatus::Running;
                    run.note(run.updated_at, "garbage collection begins");
                }
            })
            .await;
        let run = match begun {
            Err(Error::NotFound(_)) => return Ok(()),
            begun => begun?,
        };
        if run.status.is_final() {
            return Ok(());
        }
        match self.step(&run).await {
            Ok(Step::GoOn) => {
                let again = self.envelope(Job::CollectGarbage { run: id });
                Ok(self.ports.queue.send(&again, Duration::ZERO).await?)
            }
            Ok(Step::Ended(status)) => self.end_run(id, status, "garbage collection ends").await,
            Err(error) => {
                self.end_run(id, RunStatus::Error, &format!("failed: {error}"))
                    .await
            }
        }
    }

    async fn step(&self, run: &Run) -> Result<Step> {
        if run.options.dry_run {
            let preview = self.preview_garbage().await?;
            self.note_preview(run.id, preview).await?;
            return Ok(Step::Ended(RunStatus::Success));
        }
        let end = self.now() + STEP;
        if run.options.delete_untagged {
            let deleted = self.delete_untagged().await?;
            self.note_swept(run.id, deleted).await?;
        }
        loop {
            let slice = self.now() + SLICE;
            let mut broken = false;
            let swept = self
                .sweep_garbage(&mut |_| {
                    broken = self.now() >= slice;
                    if broken {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
                .await?;
            let run = self.note_swept(run.id, swept).await?;
            if run.stop_requested {
                return Ok(Step::Ended(RunStatus::Stopped));
            }
            if !broken {
                return Ok(Step::Ended(RunStatus::Success));
            }
            if self.now() >= end {
                return Ok(Step::GoOn);
            }
        }
    }

    async fn note_preview(&self, id: RunId, preview: Preview) -> Result<Run> {
        let Preview {
            manifests,
            links,
            blobs,
            bytes,
            objects,
        } = preview;
        let line = format!(
            "would free {manifests} manifests, {links} links, {blobs} blobs of {bytes} bytes, {objects} objects"
        );
        self.change_run(id, |run| {
            run.freed.manifests = manifests;
            run.freed.blobs = blobs;
            run.freed.bytes = bytes;
            run.note(run.updated_at, &line);
        })
        .await
    }

    async fn note_swept(&self, id: RunId, swept: Swept) -> Result<Run> {
        let Swept {
            looked_at,
            links,
            manifests,
            blobs,
            bytes,
            objects,
            later,
            failed,
        } = swept;
        let line = format!(
            "looked at {looked_at}, freed {manifests} manifests, {links} links, {blobs} blobs of {bytes} bytes, {objects} objects; later {later}, failed {failed}"
        );
        self.change_run(id, |run| {
            run.freed.manifests += manifests;
            run.freed.blobs += blobs;
            run.freed.bytes += bytes;
            if looked_at > 0 {
                run.note(run.updated_at, &line);
            }
        })
        .await
    }

    async fn end_run(&self, id: RunId, status: RunStatus, line: &str) -> Result<()> {
        self.change_run(id, |run| {
            run.status = status;
            run.note(run.updated_at, line);
        })
        .await?;
        Ok(())
    }

    /// Changes a run as it is now, whoever else changes it; one that has ended
    /// stays as it is.
    async fn change_run(&self, id: RunId, change: impl Fn(&mut Run) + Send) -> Result<Run> {
        for _ in 0..ATTEMPTS {
            let mut run = self.gc_run(id).await?;
            if run.status.is_final() {
                return Ok(run);
            }
            run.updated_at = self.now();
            change(&mut run);
            match self.ports.runs.update_run(&run).await {
                Ok(()) => {
                    run.version = run.version.next();
                    return Ok(run);
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(crate::links::contended("the run"))
    }

    async fn forget_old_runs(&self) -> Result<()> {
        let runs = self.gc_runs().await?;
        for run in runs.iter().skip(KEPT_RUNS) {
            self.ports.runs.delete_run(KIND, run.id).await?;
        }
        Ok(())
    }

    /// Takes every untagged manifest away that no index names, that refers to
    /// nothing, and that nobody was promised in the grace period.
    async fn delete_untagged(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        let mut after: Option<RepositoryName> = None;
        loop {
            let repositories = &self.ports.repositories;
            let page = repositories
                .list_repositories(None, after.as_ref(), PAGE)
                .await?;
            for repository in &page.items {
                swept += self.delete_untagged_of(&repository.name).await?;
            }
            after = page.items.into_iter().last().map(|found| found.name);
            if !page.more {
                return Ok(swept);
            }
        }
    }

    async fn delete_untagged_of(&self, repository: &RepositoryName) -> Result<Swept> {
        let manifests = &self.ports.manifests;
        let (mut swept, mut after) = (Swept::default(), None::<Digest>);
        loop {
            let page = manifests.list_manifests(repository, after, PAGE).await?;
            for manifest in &page.items {
                after = Some(manifest.digest);
                if manifest.facts.subject.is_some() {
                    continue;
                }
                swept.looked_at += 1;
                match self.look_at_child(repository, manifest.digest).await? {
                    Look::Decided(freed) => swept += freed,
                    Look::Later(_) => swept.later += 1,
                }
            }
            if !page.more {
                return Ok(swept);
            }
        }
    }
}
