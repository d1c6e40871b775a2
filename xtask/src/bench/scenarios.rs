//! What is measured.

mod blob;
mod collect;
mod image;
mod manifest;
mod memory;
mod proxy;
mod push;
mod scale;
mod tags;

use anyhow::Result;

use crate::bench::{lab::Lab, results::Who};

/// The registries.
const REGISTRIES: [Who; 3] = [Who::Berth, Who::Distribution, Who::Zot];
/// The registries, and static files as the ceiling.
const ALL: [Who; 4] = [Who::Berth, Who::Distribution, Who::Zot, Who::Nginx];
/// The repository that is measured; Berth makes the project `library` at its first start.
const REPOSITORY: &str = "library/bench";

/// A group of figures that are measured together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Lab<'_>) -> Result<()>,
}

/// All of them, in the order in which they run.
pub(crate) const SCENARIOS: [Scenario; 9] = [
    scenario("manifest", manifest::run),
    scenario("blob", blob::run),
    scenario("push", push::run),
    scenario("image", image::run),
    scenario("tags", tags::run),
    scenario("proxy", proxy::run),
    scenario("memory", memory::run),
    scenario("scale", scale::run),
    scenario("collect", collect::run),
];

const fn scenario(name: &'static str, run: fn(&mut Lab<'_>) -> Result<()>) -> Scenario {
    Scenario { name, run }
}

/// A name for a count of connections.
fn connections(count: usize) -> String {
    match count {
        1 => "1 connection".to_owned(),
        _ => format!("{count} connections"),
    }
}
