//! The use cases, by the part of the API that they belong to.

use std::collections::BTreeSet;

use crate::walk::{Figures, Walk, walk_all};
use crate::world::World;

mod arrivals;
mod artifacts;
mod distribution;
pub(crate) mod gc;
mod jobs;
mod processes;
mod projects;
mod proxies;
mod registries;
mod system;
mod tokens;
mod uploads;
mod users;

/// What all walks together stand for: lines of the golden list of routes, and
/// `job` with a kind.
pub(crate) fn walked_through(world: &World) -> BTreeSet<String> {
    let parts = [
        arrivals::walks,
        artifacts::walks,
        distribution::walks,
        gc::walks,
        jobs::walks,
        processes::walks,
        projects::walks,
        proxies::walks,
        registries::walks,
        system::walks,
        tokens::walks,
        uploads::walks,
        users::walks,
    ];
    let walks = parts.into_iter().flat_map(|walks| walks(world));
    let of = |walk: Walk| walk.of.split(", ").map(str::to_owned).collect::<Vec<_>>();
    walks.flat_map(of).collect()
}

/// Walks these, and says how much that was.
#[expect(clippy::print_stdout, reason = "the figures are for the documentation")]
async fn walk(name: &str, world: &World, walks: Vec<Walk>) {
    let Figures { walks, calls } = walk_all(world, walks).await;
    println!("{name}: {walks} use cases, {calls} calls went wrong");
}
