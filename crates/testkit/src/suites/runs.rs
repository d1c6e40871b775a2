//! Behaviours of [`RunStore`](berth_ports::RunStore).

use std::time::Duration;

use berth_domain::{
    Cadence, GcFreed, GcOptions, Run, RunId, RunKind, RunStatus, RunTrigger, Schedule, Version,
};

use super::fixtures::{job, race, winners};
use crate::Stores;

suite! {
    /// Makes tests of the behaviours of `RunStore`.
    runs_suite in runs {
        a_created_run_is_read_back_whole,
        the_jobs_of_a_new_run_are_in_the_outbox,
        a_run_that_is_not_there_is_none,
        an_update_replaces_what_may_change_and_raises_the_version,
        an_update_of_an_older_run_conflicts,
        an_update_of_a_gone_run_is_not_found,
        one_of_many_updaters_of_a_run_wins,
        a_deleted_run_is_gone,
        runs_are_listed_the_latest_first_in_pages,
        a_schedule_is_read_back_whole,
        a_schedule_is_replaced_at_its_version_only,
        a_schedule_is_deleted_at_its_version_only,
    }
}

const KIND: RunKind = RunKind::GarbageCollection;

fn run(stores: &Stores, id: i64) -> Run {
    Run {
        id: RunId(id),
        kind: KIND,
        trigger: RunTrigger::Schedule,
        options: GcOptions {
            delete_untagged: true,
            dry_run: false,
            workers: Some(3),
        },
        status: RunStatus::Pending,
        stop_requested: false,
        freed: GcFreed {
            bytes: 1 << 40,
            blobs: 2,
            manifests: 3,
        },
        log: "one\ntwo\n".to_owned(),
        created_at: stores.now(),
        updated_at: stores.now(),
        version: Version(1),
    }
}

async fn create(stores: &Stores, id: i64) -> Run {
    let run = run(stores, id);
    stores.runs.create_run(&run, &[]).await.unwrap();
    run
}

fn schedule(stores: &Stores) -> Schedule {
    Schedule {
        kind: KIND,
        cadence: Cadence::Weekly,
        cron: "0 0 0 * * 0".parse().unwrap(),
        options: GcOptions::default(),
        last_at: stores.now(),
        created_at: stores.now(),
        version: Version(0),
    }
}

/// Nothing is lost.
pub async fn a_created_run_is_read_back_whole(stores: &Stores) {
    let run = create(stores, 7).await;
    let found = stores.runs.run(KIND, run.id).await.unwrap();
    assert_eq!(found, Some(run));
}

/// So that a crash after it does not leave the run without its job.
pub async fn the_jobs_of_a_new_run_are_in_the_outbox(stores: &Stores) {
    let job = job();
    let run = run(stores, 1);
    stores
        .runs
        .create_run(&run, std::slice::from_ref(&job))
        .await
        .unwrap();
    let later = stores.now() + Duration::from_secs(1);
    assert_eq!(stores.outbox.unsent(later, 10).await.unwrap(), [job]);
}

/// No error.
pub async fn a_run_that_is_not_there_is_none(stores: &Stores) {
    create(stores, 1).await;
    assert_eq!(stores.runs.run(KIND, RunId(2)).await.unwrap(), None);
}

/// All that a run's life changes.
pub async fn an_update_replaces_what_may_change_and_raises_the_version(stores: &Stores) {
    let created = create(stores, 1).await;
    let changed = Run {
        options: GcOptions::default(),
        status: RunStatus::Stopped,
        stop_requested: true,
        freed: GcFreed::default(),
        log: String::new(),
        updated_at: stores.now() + Duration::from_secs(9),
        ..created
    };
    stores.runs.update_run(&changed).await.unwrap();
    let expected = Run {
        version: Version(2),
        ..changed
    };
    let found = stores.runs.run(KIND, RunId(1)).await.unwrap();
    assert_eq!(found, Some(expected));
}

/// And changes nothing.
pub async fn an_update_of_an_older_run_conflicts(stores: &Stores) {
    let run = create(stores, 1).await;
    stores.runs.update_run(&run).await.unwrap();
    let stale = Run {
        log: "stale".to_owned(),
        ..run.clone()
    };
    assert_fails!(stores.runs.update_run(&stale).await, Conflict);
    let found = stores.runs.run(KIND, run.id).await.unwrap().unwrap();
    assert_eq!((found.log, found.version), (run.log, Version(2)));
}

/// Somebody may have forgotten it.
pub async fn an_update_of_a_gone_run_is_not_found(stores: &Stores) {
    let run = run(stores, 1);
    assert_fails!(stores.runs.update_run(&run).await, NotFound);
}

/// The others see that they were late.
pub async fn one_of_many_updaters_of_a_run_wins(stores: &Stores) {
    let run = create(stores, 1).await;
    let results = race(|_| {
        let (stores, run) = (stores.clone(), run.clone());
        async move { stores.runs.update_run(&run).await }
    })
    .await;
    assert_eq!(winners(&results), 1);
}

/// Twice is no error.
pub async fn a_deleted_run_is_gone(stores: &Stores) {
    let run = create(stores, 1).await;
    for _ in 0..2 {
        stores.runs.delete_run(KIND, run.id).await.unwrap();
        assert_eq!(stores.runs.run(KIND, run.id).await.unwrap(), None);
    }
}

/// A page goes on before the last one's last run.
pub async fn runs_are_listed_the_latest_first_in_pages(stores: &Stores) {
    for id in [2, 10, 1, 9, 30] {
        create(stores, id).await;
    }
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = stores.runs.list_runs(KIND, before, 2).await.unwrap();
        found.extend(page.items.iter().map(|run| run.id.0));
        before = page.items.last().map(|run| run.id);
        if !page.more {
            break;
        }
    }
    assert_eq!(found, [30, 10, 9, 2, 1]);
}

/// With the expression as it was given.
pub async fn a_schedule_is_read_back_whole(stores: &Stores) {
    assert_eq!(stores.runs.schedule(KIND).await.unwrap(), None);
    let schedule = schedule(stores);
    stores.runs.put_schedule(&schedule).await.unwrap();
    let expected = Schedule {
        version: Version(1),
        ..schedule
    };
    assert_eq!(stores.runs.schedule(KIND).await.unwrap(), Some(expected));
}

/// 0 stands for none.
pub async fn a_schedule_is_replaced_at_its_version_only(stores: &Stores) {
    let new = schedule(stores);
    let second = Schedule {
        version: Version(1),
        cadence: Cadence::Daily,
        ..new.clone()
    };
    assert_fails!(stores.runs.put_schedule(&second).await, Conflict);
    stores.runs.put_schedule(&new).await.unwrap();
    assert_fails!(stores.runs.put_schedule(&new).await, Conflict);
    stores.runs.put_schedule(&second).await.unwrap();
    let found = stores.runs.schedule(KIND).await.unwrap().unwrap();
    assert_eq!((found.cadence, found.version), (Cadence::Daily, Version(2)));
}

/// What is not there has no version.
pub async fn a_schedule_is_deleted_at_its_version_only(stores: &Stores) {
    let delete = |version| stores.runs.delete_schedule(KIND, Version(version));
    assert_fails!(delete(0).await, Conflict);
    stores.runs.put_schedule(&schedule(stores)).await.unwrap();
    assert_fails!(delete(2).await, Conflict);
    delete(1).await.unwrap();
    assert_eq!(stores.runs.schedule(KIND).await.unwrap(), None);
}
