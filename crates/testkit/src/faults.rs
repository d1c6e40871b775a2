//! Every port of a wiring, made to fail at a chosen call.
//!
//! [`Faults::wrap`] puts itself between a caller and its ports. It counts the
//! calls, and at the one that [`Faults::strike`] named it either fails before
//! anything was done, or does what was asked and loses the answer. Writers,
//! spools, growing objects and streams that a port hands out are wrapped too,
//! each of their steps is a call.
//!
//! What cannot fail is not counted: the time, fresh ids, and what computes
//! without a failure of its own. A port or method that is not listed here does
//! not compile.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_ports::{Ports, SecretError, StoreError, UpstreamError};

mod objects;
mod plain;
mod tasks;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done.
    Fails,
    /// It is done, and the caller is told that it failed.
    LosesAnswer,
}

/// The switch of all wrapped ports. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Which call of those to come goes wrong, and how.
    plan: Option<(usize, Fault)>,
    /// Calls since the last strike that could have gone wrong in that way.
    calls: usize,
    struck: Option<&'static str>,
    panics: usize,
    /// What pauses come from, if there are any.
    pauses: Option<u64>,
}

/// The failures that a port has for what was done to it here.
trait Injected: Sized {
    fn injected(fault: Fault) -> Self;
}

impl Injected for StoreError {
    fn injected(fault: Fault) -> Self {
        Self::unavailable(match fault {
            Fault::Fails => "a test made the call fail",
            Fault::LosesAnswer => "a test lost the answer",
        })
    }
}

impl Injected for UpstreamError {
    fn injected(fault: Fault) -> Self {
        match fault {
            Fault::Fails => Self::Unreachable("a test cut it off".to_owned()),
            Fault::LosesAnswer => Self::Timeout,
        }
    }
}

impl Injected for SecretError {
    fn injected(_: Fault) -> Self {
        Self::Failed("a test made it fail".to_owned())
    }
}

impl Faults {
    /// The same ports, each call of which may be made to fail.
    pub fn wrap(&self, ports: Ports) -> Ports {
        let Ports {
            blobs,
            staging,
            sequences,
            projects,
            registries,
            access,
            repositories,
            manifests,
            tags,
            links,
            gc,
            runs,
            uploads,
            leases,
            outbox,
            queue,
            upstream,
            instances,
            spools,
            secrets,
            clock,
            ids,
            tasks,
        } = ports;
        Ports {
            blobs: self.around(blobs),
            staging: self.around(staging),
            sequences: self.around(sequences),
            projects: self.around(projects),
            registries: self.around(registries),
            access: self.around(access),
            repositories: self.around(repositories),
            manifests: self.around(manifests),
            tags: self.around(tags),
            links: self.around(links),
            gc: self.around(gc),
            runs: self.around(runs),
            uploads: self.around(uploads),
            leases: self.around(leases),
            outbox: self.around(outbox),
            queue: self.around(queue),
            upstream: self.around(upstream),
            instances: self.around(instances),
            spools: self.around(spools),
            secrets: self.around(secrets),
            clock,
            ids,
            tasks: self.around(tasks),
        }
    }

    fn around<P: ?Sized>(&self, inner: Arc<P>) -> Arc<Faulty<P>> {
        Arc::new(Faulty {
            inner,
            faults: self.clone(),
        })
    }

    /// Makes the `call`-th call from now on go wrong, from 1 on, and no other.
    pub fn strike(&self, call: usize, fault: Fault) {
        let mut state = self.state();
        state.plan = Some((call, fault));
        state.calls = 0;
        state.struck = None;
    }

    /// Nothing goes wrong from now on. The call that did, if it came to that:
    /// the port and its method.
    pub fn stop(&self) -> Option<&'static str> {
        let mut state = self.state();
        state.plan = None;
        state.struck
    }

    /// Each call lets others go first now and then, in an order that `seed`
    /// stands for.
    pub fn interleave(&self, seed: u64) {
        self.state().pauses = Some(seed);
    }

    async fn pause(&self) {
        let next = |seed: u64| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let drawn = self.state().pauses.as_mut().map(|seed| {
            *seed = next(*seed);
            *seed >> 62
        });
        for _ in 0..drawn.unwrap_or_default() {
            tokio::task::yield_now().await;
        }
    }

    /// How many tasks have panicked.
    pub fn panics(&self) -> usize {
        self.state().panics
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; how it goes wrong, if it does.
    fn next(&self, name: &'static str) -> Option<Fault> {
        let mut state = self.state();
        let (call, fault) = state.plan?;
        state.calls += 1;
        if state.calls != call {
            return None;
        }
        state.struck = Some(name);
        Some(fault)
    }

    /// Counts a call that has no answer to lose; whether it fails.
    fn next_fails(&self, name: &'static str) -> bool {
        let fails = matches!(self.state().plan, Some((_, Fault::Fails)));
        fails && self.next(name).is_some()
    }

    /// Makes a call that may go wrong.
    async fn call<T, E: Injected>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.pause().await;
        let Some(fault) = self.next(name) else {
            return call.await;
        };
        if fault == Fault::LosesAnswer {
            call.await?;
        }
        Err(E::injected(fault))
    }

    /// As [`call`](Self::call), at once.
    fn call_now<T, E: Injected>(
        &self,
        name: &'static str,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(fault) = self.next(name) else {
            return call();
        };
        if fault == Fault::LosesAnswer {
            call()?;
        }
        Err(E::injected(fault))
    }
}

/// A port whose calls may go wrong.
struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    faults: Faults,
}

impl<P: ?Sized + fmt::Debug> fmt::Debug for Faulty<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Faulty")
            .field(&&*self.inner)
            .finish()
    }
}
