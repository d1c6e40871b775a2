//! Explores scenarios to the end.

use std::thread::available_parallelism;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::checks::{broken, left};
use crate::scenarios::Scenario;
use crate::world::{Action, World};

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.after(self, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing that is needed is missing", |scenario, world| {
                broken(scenario, world).is_none()
            }),
            Property::always("nothing that is not needed is left", |scenario, world| {
                left(scenario, world).is_none()
            }),
        ]
    }
}

/// What was found first, with the way there.
pub(crate) struct Found {
    pub problem: &'static str,
    pub trace: String,
}

/// Explores a scenario until something is found, or all is.
pub(crate) fn explore(scenario: &Scenario) -> Option<Found> {
    let begun = Instant::now();
    let threads = available_parallelism().map_or(1, std::num::NonZero::get);
    let checker = scenario
        .clone()
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{}: {} states in {:.1} s",
        scenario.name,
        checker.unique_state_count(),
        begun.elapsed().as_secs_f64()
    );
    let (_, path) = checker.discoveries().into_iter().next()?;
    let last = path.last_state().clone();
    let problem = broken(scenario, &last).or_else(|| left(scenario, &last));
    let steps: Vec<_> = path
        .into_vec()
        .into_iter()
        .filter_map(|(world, action)| action.map(|action| world.describe(action)))
        .collect();
    Some(Found {
        problem: problem.unwrap_or("nothing"),
        trace: steps.join("\n"),
    })
}

/// Fails with the trace if anything is found.
pub(crate) fn assert_holds(scenario: &Scenario) {
    if let Some(Found { problem, trace }) = explore(scenario) {
        panic!("{}: {problem}:\n{trace}", scenario.name);
    }
}
