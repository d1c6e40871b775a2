//! The ports' contracts over the adapters of this crate.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::future::ready;
use std::sync::Arc;

use berth_host::{HostSecrets, RandomIds, SealingKey, SystemClock, TempSpools, TokioTasks};
use berth_ports::{Clock, Ids, Secrets, Spools, Tasks};
use berth_testkit::TwoSecrets;

fn secrets() -> TwoSecrets {
    let sealed_by = |key| -> Arc<dyn Secrets> {
        Arc::new(HostSecrets::new(&SealingKey::from_bytes(key)).unwrap())
    };
    TwoSecrets {
        ours: sealed_by([1; 32]),
        theirs: sealed_by([2; 32]),
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn ids() -> Arc<dyn Ids> {
    Arc::new(RandomIds)
}

fn tasks() -> Arc<dyn Tasks> {
    Arc::new(TokioTasks::new())
}

fn spools() -> Arc<dyn Spools> {
    Arc::new(TempSpools::default())
}

berth_testkit::secret_suites!(ready(secrets()));
berth_testkit::clock_suite!(ready(clock()));
berth_testkit::ids_suite!(ready(ids()));
berth_testkit::spools_suite!(ready(spools()));
berth_testkit::tasks_suite!(ready(tasks()));
