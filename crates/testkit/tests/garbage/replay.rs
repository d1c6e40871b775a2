//! Runs an actor's `async fn` on the answers that it has got so far, up to its
//! next call.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use berth_domain::FreshId;
use berth_testkit::model::{Answer, Op};

use crate::mutants::Mutant;
use crate::scenarios::Scenario;

/// What an actor wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wish {
    /// This call.
    Call(Op),
    /// Any entry of the queue.
    AnySubject,
    /// Any job.
    AnyJob,
}

/// What an actor knows besides the answers.
pub(crate) struct Cx<'a> {
    pub scenario: &'a Scenario,
    /// Its number.
    pub actor: usize,
    /// The time when it began.
    pub now: i64,
    answers: &'a [Answer],
    next: Cell<usize>,
    wish: RefCell<Option<Wish>>,
    /// How many ids it has given itself.
    issued: Cell<u32>,
}

/// Where an actor stands.
pub(crate) enum Standing<T> {
    Wants(Wish),
    /// It has ended, and has given itself so many ids.
    Ended(T, u32),
}

impl Cx<'_> {
    pub(crate) async fn call(&self, op: Op) -> Answer {
        self.wish(Wish::Call(op)).await
    }

    pub(crate) async fn wish(&self, wish: Wish) -> Answer {
        if let Some(answer) = self.answers.get(self.next.get()) {
            self.next.set(self.next.get() + 1);
            return answer.clone();
        }
        self.wish.replace(Some(wish));
        poll_fn(|_| Poll::Pending).await
    }

    /// Whether a call was done rather than refused.
    pub(crate) async fn does(&self, op: Op) -> bool {
        self.call(op).await == Answer::Done
    }

    /// An id that nobody had before.
    pub(crate) fn fresh<Id: From<FreshId>>(&self) -> Id {
        self.issued.set(self.issued.get() + 1);
        if self.scenario.mutant == Some(Mutant::IdsThatRestart) {
            return Id::from(FreshId(1));
        }
        Id::from(FreshId(number(self.actor, self.issued.get())))
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.scenario.mutant == Some(mutant)
    }
}

/// The n-th id of an actor.
pub(crate) fn number(actor: usize, issued: u32) -> u128 {
    (actor as u128 + 1) * 1000 + u128::from(issued)
}

/// Runs `program` up to its next call or its end.
pub(crate) fn run<'a, T, F>(
    scenario: &'a Scenario,
    actor: usize,
    (issued, now): (u32, i64),
    answers: &'a [Answer],
    program: impl FnOnce(std::rc::Rc<Cx<'a>>) -> F,
) -> Standing<T>
where
    F: Future<Output = T>,
{
    let cx = std::rc::Rc::new(Cx {
        scenario,
        actor,
        now,
        answers,
        next: Cell::new(0),
        wish: RefCell::new(None),
        issued: Cell::new(issued),
    });
    let future = pin!(program(cx.clone()));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(end) => Standing::Ended(end, cx.issued.get()),
        Poll::Pending => Standing::Wants(
            cx.wish
                .take()
                .expect("an actor waits for nothing but its calls"),
        ),
    }
}
