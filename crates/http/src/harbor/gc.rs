//! The swagger's tag `gc`. What nothing names any more is collected all the
//! time; this is for who wants it now, or wants untagged artifacts to go too.

use axum::response::{IntoResponse as _, Response};
use berth_domain::{
    Cadence, Cron, GcOptions, Rule, Run, RunId, RunKind, RunStatus, RunTrigger, Schedule,
};
use berth_harbor_api as api;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::call::{Call, created_at, done, ok};
use super::list::{Field, Listed};
use super::route::{Route, route};
use super::{HarborError, Result};

pub(super) const ROUTES: &[Route] = &[
    route!(Get "/system/gc", Rule::Sysadmin, list),
    route!(Get "/system/gc/schedule", Rule::Sysadmin, schedule),
    route!(Post "/system/gc/schedule", Rule::Sysadmin, create),
    route!(Put "/system/gc/schedule", Rule::Sysadmin, update),
    route!(Get "/system/gc/{gc_id}", Rule::Sysadmin, get),
    route!(Put "/system/gc/{gc_id}", Rule::Sysadmin, stop),
    route!(Get "/system/gc/{gc_id}/log", Rule::Sysadmin, log),
];

/// Harbor's bounds.
const WORKERS: std::ops::RangeInclusive<i64> = 1..=10;

const SECONDS_PER_HOUR: u64 = 3600;

impl Listed for Run {
    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "id" => Field::Integer(self.id.0),
            "status" | "jobstatus" => self.status.as_str().into(),
            "trigger" | "jobkind" => trigger(self.trigger).into(),
            "creationtime" | "starttime" => Field::Time(self.created_at),
            "updatetime" => Field::Time(self.updated_at),
            _ => return None,
        })
    }
}

const fn trigger(trigger: RunTrigger) -> &'static str {
    match trigger {
        RunTrigger::Manual => "MANUAL",
        RunTrigger::Schedule => "SCHEDULE",
    }
}

fn parameters(call: &Call, options: GcOptions) -> api::GCParameters {
    api::GCParameters {
        delete_untagged: options.delete_untagged,
        dry_run: options.dry_run,
        time_window: call.service().gc_grace().as_secs() / SECONDS_PER_HOUR,
        workers: options.workers,
        ..api::GCParameters::default()
    }
}

fn text(parameters: &api::GCParameters) -> Result<String> {
    serde_json::to_string(parameters).map_err(|error| super::error::internal(&error))
}

fn shown(call: &Call, run: &Run) -> Result<api::GCHistory> {
    let ended = run.status == RunStatus::Success;
    let parameters = api::GCParameters {
        freed_space: ended.then_some(run.freed.bytes),
        purged_blobs: ended.then_some(run.freed.blobs),
        purged_manifests: ended.then_some(run.freed.manifests),
        ..parameters(call, run.options)
    };
    let kind = match run.trigger {
        RunTrigger::Manual => "Manual",
        RunTrigger::Schedule => "Schedule",
    };
    Ok(api::GCHistory {
        id: run.id.0,
        job_name: RunKind::GarbageCollection.as_str().to_owned(),
        job_kind: trigger(run.trigger).to_owned(),
        job_parameters: text(&parameters)?,
        schedule: api::ScheduleObj {
            kind: kind.to_owned(),
            ..api::ScheduleObj::default()
        },
        job_status: run.status.as_str().to_owned(),
        creation_time: run.created_at.into(),
        update_time: run.updated_at.into(),
        ..api::GCHistory::default()
    })
}

async fn list(call: Call) -> Result<Response> {
    let selected = call.select(call.service().gc_runs().await?)?;
    let body = selected
        .items
        .iter()
        .map(|run| shown(&call, run))
        .collect::<Result<Vec<_>>>()?;
    call.page(&selected, body)
}

fn id(call: &Call) -> Result<RunId> {
    Ok(RunId(call.number("gc_id")?))
}

async fn get(call: Call) -> Result<Response> {
    let run = call.service().gc_run(id(&call)?).await?;
    Ok(ok(shown(&call, &run)?))
}

async fn stop(call: Call) -> Result<Response> {
    call.service().stop_gc(id(&call)?).await?;
    Ok(done())
}

async fn log(call: Call) -> Result<Response> {
    let run = call.service().gc_run(id(&call)?).await?;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, plain)], run.log).into_response())
}

/// An empty answer where there is none.
async fn schedule(call: Call) -> Result<Response> {
    let Some(schedule) = call.service().gc_schedule().await? else {
        return Ok(done());
    };
    let Schedule {
        cadence,
        cron,
        options,
        last_at,
        created_at,
        ..
    } = &schedule;
    let next = cron.next(*last_at);
    Ok(ok(api::GCHistory {
        job_kind: cron.as_str().to_owned(),
        job_parameters: text(&parameters(&call, *options))?,
        schedule: api::ScheduleObj {
            kind: cadence.as_str().to_owned(),
            cron: cron.as_str().to_owned(),
            next_scheduled_time: next.map(Into::into).unwrap_or_default(),
        },
        creation_time: (*created_at).into(),
        update_time: (*created_at).into(),
        ..api::GCHistory::default()
    }))
}

async fn create(call: Call) -> Result<Response> {
    let run = set(&call).await?.map_or(0, |run| run.0);
    let path = call.parts.uri.path().trim_end_matches('/');
    let parent = path.trim_end_matches("/schedule");
    Ok(created_at(format!("{parent}/{run}")))
}

async fn update(call: Call) -> Result<Response> {
    set(&call).await?;
    Ok(done())
}

/// Does what a schedule's body says; the run, if one was started.
async fn set(call: &Call) -> Result<Option<RunId>> {
    let request: api::ScheduleReq = call.json()?;
    let options = options(&request.parameters)?;
    let schedule = request.schedule.unwrap_or_default();
    let service = call.service();
    match (schedule.kind.as_str(), Cadence::parse(&schedule.kind)) {
        (_, Some(cadence)) => {
            let cron: Cron = schedule
                .cron
                .parse()
                .map_err(|error| HarborError::bad_request(format!("{error}")))?;
            let new = (cadence, cron, options);
            service.set_gc_schedule(Some(new)).await?;
            Ok(None)
        }
        ("Manual", None) => Ok(Some(service.start_gc(RunTrigger::Manual, options).await?)),
        ("None", None) => {
            service.set_gc_schedule(None).await?;
            Ok(None)
        }
        (kind, None) => Err(HarborError::unprocessable(format!(
            "the schedule type {kind:?} is not one of Hourly, Daily, Weekly, Custom, Manual, None"
        ))),
    }
}

fn options(request: &api::GCParametersReq) -> Result<GcOptions> {
    let workers = match request.workers {
        None => None,
        Some(workers) if WORKERS.contains(&workers) => u8::try_from(workers).ok(),
        Some(workers) => {
            return Err(HarborError::bad_request(format!(
                "the number of workers is {workers}, it must be 1 to 10"
            )));
        }
    };
    Ok(GcOptions {
        delete_untagged: request.delete_untagged.unwrap_or_default(),
        dry_run: request.dry_run.unwrap_or_default(),
        workers,
    })
}
